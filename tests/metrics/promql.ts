/** What a PromQL expression asks for, as far as names and labels go. Enough for our own rules and panels. */
export interface Asked {
  /** Names of metrics. */
  readonly names: ReadonlySet<string>;
  readonly matchers: readonly Matcher[];
  /** Labels by which it groups. */
  readonly groupedBy: ReadonlySet<string>;
}

/** One comparison of a label with a literal. */
export interface Matcher {
  readonly name: string;
  readonly label: string;
  /** The literal; for regular expressions each alternative is one. */
  readonly pattern: RegExp;
}

const SELECTOR = /([A-Za-z_:][\w:]*)\s*\{([^}]*)\}/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g;
const GROUPING = /\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g;
const WORDS: ReadonlySet<string> = new Set(["and", "or", "unless", "bool", "offset"]);

/** Takes an expression apart. */
export function askedBy(expression: string): Asked {
  const matchers: Matcher[] = [];
  for (const [, name = "", inside = ""] of expression.matchAll(SELECTOR)) {
    for (const [, label = "", operator = "", literal = ""] of inside.matchAll(MATCHER)) {
      const patterns = operator.endsWith("~")
        ? literal.split("|").map((each) => new RegExp(`^(?:${each})$`))
        : [new RegExp(`^${literal.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`)];
      for (const pattern of patterns) matchers.push({ name, label, pattern });
    }
  }
  const groupedBy = [...expression.matchAll(GROUPING)].flatMap(([, labels = ""]) => labels.split(",")).map((l) =>
    l.trim()
  );
  const bare = expression.replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, "").replaceAll(GROUPING, "");
  const names = [...bare.matchAll(/(?<![\w.])[A-Za-z_:][\w:]*(?!\w*\s*\()/g)].map(([name]) => name);
  return { names: new Set(names.filter((name) => !WORDS.has(name))), matchers, groupedBy: new Set(groupedBy) };
}
