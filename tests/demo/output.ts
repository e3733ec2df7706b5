/** The longest line of JSON before it is broken into several, characters. */
const WIDTH = 100;
/** A longer list shows this many of its items and the count of the rest. */
const SHOWN_ITEMS = 2;
const MOST_ITEMS = 3;
/** How often a step that takes long says so, ms: on a terminal in place, elsewhere in lines of their own. */
const TICK_MS = { terminal: 1_000, lines: 5_000 };

/** Where the output goes. */
export interface OutputOptions {
  /** Whether it is a terminal, on which the last line may be written again. */
  readonly terminal: boolean;
  readonly colours: boolean;
  readonly write: (text: string) => void;
}

type Colour = "bold" | "dim" | "red" | "green" | "cyan" | "yellow";

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Writes what the demo has to say, and counts its checks. */
export class Output {
  readonly #options: OutputOptions;
  #scene = 0;
  #muted = false;
  /** How many checks were right, and how many wrong. */
  readonly checks = { right: 0, wrong: 0 };

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** The heading of the next scene, numbered. */
  scene(title: string): void {
    this.line();
    this.line(this.paint("bold", `${++this.#scene}  ${title}`));
  }

  /** A heading of its own. */
  heading(title: string): void {
    this.line();
    this.line(this.paint("bold", title));
  }

  /** A sentence or two below a heading. */
  say(text: string): void {
    this.line(`   ${text}`);
  }

  /** One labelled line; further lines below it are indented alike. */
  labelled(label: string, lines: readonly string[]): void {
    for (const [i, line] of lines.entries()) {
      this.line(`   ${i === 0 ? this.paint("yellow", label.padEnd(9)) : " ".repeat(9)} ${line}`);
    }
  }

  /** A value as indented JSON, long lists shortened. */
  json(value: unknown): string[] {
    return formatJson(value).map((line) =>
      line.replace(/"(?:[^"\\]|\\.)*"(?=:)/g, (key) => this.paint("cyan", key))
        .replace(/\.\.\. \d+ more$/, (rest) => this.paint("dim", rest))
    );
  }

  /** The result of one check; `fault` tells what is wrong, undefined says that it is right. */
  check(what: string, fault: string | undefined): void {
    if (fault === undefined) {
      this.checks.right++;
      this.line(`   ${this.paint("green", "ok".padEnd(9))} ${what}`);
    } else {
      this.checks.wrong++;
      this.line(`   ${this.paint("red", "WRONG".padEnd(9))} ${what}: ${fault}`);
    }
  }

  /** One event of the running fleet. */
  event(kind: string, text: string, colour: Colour = "dim"): void {
    const time = new Date().toTimeString().slice(0, 8);
    this.line(`   ${this.paint("dim", time)}  ${this.paint(colour, kind.padEnd(10))} ${text}`);
  }

  /** Shows that something takes time, and how much it took in the end. */
  async progress<T>(what: string, work: Promise<T>): Promise<T> {
    const { terminal } = this.#options;
    const started = performance.now();
    const seconds = (digits: number) => `${((performance.now() - started) / 1000).toFixed(digits)} s`;
    if (terminal) this.#write(`   ${what} ...`);
    else this.line(`   ${what} ...`);
    const timer = setInterval(() => {
      if (terminal) this.#write(`\r   ${what} ... ${seconds(0)}`);
      else this.line(`   ${what} ... ${seconds(0)}`);
    }, terminal ? TICK_MS.terminal : TICK_MS.lines);
    try {
      const result = await work;
      this.line(`${terminal ? "\r" : ""}   ${what} ... ${seconds(1)}`);
      return result;
    } catch (cause) {
      if (terminal) this.line();
      throw cause;
    } finally {
      clearInterval(timer);
    }
  }

  /** One line as it is. */
  line(text = ""): void {
    this.#write(`${text}\n`);
  }

  /** Writes nothing any more. */
  mute(): void {
    this.#muted = true;
  }

  /** The text in a colour, where there are colours. */
  paint(colour: Colour, text: string): string {
    return this.#options.colours && text !== "" ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
  }

  #write(text: string): void {
    if (!this.#muted) this.#options.write(text);
  }
}

/** JSON in lines: what fits into one line stays in one, and long lists are shortened. */
export function formatJson(value: unknown, width = WIDTH): string[] {
  const flat = onOneLine(value);
  if (flat !== undefined && flat.length <= width) return [flat];
  if (Array.isArray(value)) {
    const hidden = value.length > MOST_ITEMS ? value.length - SHOWN_ITEMS : 0;
    const items = value.slice(0, value.length - hidden).map((item) => formatJson(item, width - 2));
    if (hidden > 0) items.push([`... ${hidden} more`]);
    return ["[", ...inside(items), "]"];
  }
  if (typeof value === "object" && value !== null) {
    const items = Object.entries(value).map(([key, item]) => {
      const [first = "", ...rest] = formatJson(item, width - 4 - key.length);
      return [`${JSON.stringify(key)}: ${first}`, ...rest];
    });
    return ["{", ...inside(items), "}"];
  }
  return [JSON.stringify(value)];
}

function onOneLine(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const items = value.length > MOST_ITEMS ? [undefined] : value.map(onOneLine);
    return items.includes(undefined) ? undefined : `[${items.join(", ")}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const items = Object.entries(value).map(([key, item]) => [JSON.stringify(key), onOneLine(item)]);
  if (items.length === 0) return "{}";
  if (items.some(([, item]) => item === undefined)) return undefined;
  return `{ ${items.map((item) => item.join(": ")).join(", ")} }`;
}

function inside(items: readonly (readonly string[])[]): string[] {
  return items.flatMap((lines, i) => {
    const comma = i < items.length - 1 ? "," : "";
    return lines.map((line, j) => `  ${line}${j === lines.length - 1 ? comma : ""}`);
  });
}
