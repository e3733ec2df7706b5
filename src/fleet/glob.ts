/**
 * A pattern for names: `*` stands for any text, `?` for any one character, everything else for itself, upper and lower
 * case alike. Each part between two stars is looked for once, where it first fits, so that no pattern costs more than
 * the length of the name times its own, which a regular expression may.
 */
export class Glob {
  readonly #start: Part;
  /** What stands between stars. */
  readonly #middle: readonly Part[];
  /** Undefined where there is no star: then the start is all. */
  readonly #end: Part | undefined;

  constructor(text: string) {
    const [start = "", ...rest] = text.toLowerCase().split("*");
    this.#start = new Part(start);
    this.#end = rest.length === 0 ? undefined : new Part(rest.at(-1) ?? "");
    this.#middle = rest.slice(0, -1).filter((part) => part !== "").map((part) => new Part(part));
  }

  /** @param name in lower case */
  matches(name: string): boolean {
    let at = this.#start.endAt(name, 0);
    if (at === -1 || this.#end === undefined) return at === name.length;
    const end = this.#end.startBefore(name, name.length);
    if (end < at) return false;
    for (const part of this.#middle) {
      at = part.endFrom(name, at);
      if (at === -1 || at > end) return false;
    }
    return true;
  }
}

/** A part of a pattern without stars. */
class Part {
  readonly #text: string;
  /** Its characters, where some are `?`: an exact text is left to the engine, which takes a tenth of the time. */
  readonly #characters: readonly string[] | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#characters = text.includes("?") ? [...text] : undefined;
  }

  /** Where it ends when it begins at a place; -1 when it does not fit there. */
  endAt(name: string, place: number): number {
    if (this.#characters === undefined) return name.startsWith(this.#text, place) ? place + this.#text.length : -1;
    let at = place;
    for (const wanted of this.#characters) {
      const came = name.codePointAt(at);
      if (came === undefined || (wanted !== "?" && wanted.codePointAt(0) !== came)) return -1;
      at += came > 0xffff ? 2 : 1;
    }
    return at;
  }

  /** Where it ends the first time that it fits at a place or behind it; -1 when it does not. */
  endFrom(name: string, place: number): number {
    if (this.#characters === undefined) {
      const found = name.indexOf(this.#text, place);
      return found === -1 ? -1 : found + this.#text.length;
    }
    for (let at = place; at < name.length; at++) {
      const end = this.endAt(name, at);
      if (end !== -1) return end;
    }
    return -1;
  }

  /** Where it begins when it ends at a place; -1 when it does not fit there. */
  startBefore(name: string, place: number): number {
    if (this.#characters === undefined) return name.endsWith(this.#text, place) ? place - this.#text.length : -1;
    let at = place;
    for (const wanted of this.#characters.toReversed()) {
      at -= isPair(name, at) ? 2 : 1;
      if (at < 0 || (wanted !== "?" && wanted.codePointAt(0) !== name.codePointAt(at))) return -1;
    }
    return at;
  }
}

/** Whether the character that ends at a place takes two UTF-16 units. */
function isPair(name: string, place: number): boolean {
  return (name.codePointAt(place - 2) ?? 0) > 0xffff;
}
