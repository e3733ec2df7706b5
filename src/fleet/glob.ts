/**
 * A pattern for names: `*` stands for any text, `?` for any one character, everything else for itself, upper and lower
 * case alike. Unlike a regular expression it never costs more than the length of the name times that of the pattern.
 */
export class Glob {
  readonly #pattern: readonly string[];

  constructor(text: string) {
    this.#pattern = [...text.toLowerCase().replaceAll(/\*+/g, "*")];
  }

  /** @param name in lower case */
  matches(name: string): boolean {
    const pattern = this.#pattern;
    let place = 0;
    // Where the last star stands, and what of the name it covers so far: only that one ever has to cover more.
    let star = -1;
    let covered = 0;
    for (let at = 0; at < name.length;) {
      const wanted = pattern[place];
      const end = at + (wanted === "?" ? widthAt(name, at) : wanted?.length ?? 0);
      if (wanted === "*") {
        star = place++;
        covered = at;
      } else if (wanted !== undefined && (wanted === "?" || name.startsWith(wanted, at))) {
        place++;
        at = end;
      } else if (star === -1) return false;
      else {
        place = star + 1;
        covered += widthAt(name, covered);
        at = covered;
      }
    }
    if (pattern[place] === "*") place++;
    return place === pattern.length;
  }
}

/** How many UTF-16 units the character at a place takes. */
function widthAt(text: string, place: number): number {
  return (text.codePointAt(place) ?? 0) > 0xffff ? 2 : 1;
}
