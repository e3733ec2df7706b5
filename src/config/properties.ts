import { Properties } from "properties-file/parser";

/** One line of a configuration file that sets a key. */
export interface Property {
  readonly key: string;
  /** The value without the blanks around it. */
  readonly value: string;
  /** 1-based line where the key stands. */
  readonly line: number;
  /** Whether it goes on behind a backslash at the end of the line, as a path such as `C:\` has it go on by mistake. */
  readonly isLong: boolean;
}

/** A `\u` that is no escape: four hexadecimal digits must follow. Java refuses the whole file for one. */
const BAD_ESCAPE = /(?<!\\)((?:\\\\)*)\\u(?![0-9a-fA-F]{4})/g;

/** A file's properties, and the lines that could not be read as they are. */
export interface ReadProperties {
  readonly properties: readonly Property[];
  /** 1-based lines with a malformed escape. */
  readonly badLines: readonly number[];
}

/** Reads the text of a .properties file as Java's Properties does; a key that is set twice comes twice. */
export function readProperties(text: string): ReadProperties {
  const badLines = text.split(/\r\n|\r|\n/).flatMap((line, i) => line.search(BAD_ESCAPE) === -1 ? [] : [i + 1]);
  const readable = badLines.length === 0 ? text : text.replace(BAD_ESCAPE, "$1u");
  const properties = new Properties(readable).getProperties().map((node) => ({
    key: node.key.trim(),
    value: node.value.trim(),
    line: node.startingLineNumber,
    isLong: node.endingLineNumber > node.startingLineNumber,
  }));
  return { properties, badLines };
}

/**
 * A value without the comment that later Elves documents print behind it on the same line (`key=value    #comment`):
 * a blank and `#` end it.
 */
export function withoutComment(value: string): string {
  return value.startsWith("#") ? "" : value.replace(/\s#.*$/s, "").trimEnd();
}
