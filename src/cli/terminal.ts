/** How a text stands out where colours are shown. */
export type Style = "good" | "warning" | "bad" | "heading" | "faint";

/** SGR codes of ECMA-48. */
const CODES: Readonly<Record<Style, number>> = { good: 32, warning: 33, bad: 31, heading: 1, faint: 2 };

/** What a command writes to and asks. */
export interface Terminal {
  /** Columns and rows of the window; undefined where standard output is no terminal. Asked anew at every call. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
  /** Whether colours are shown. */
  readonly colors: boolean;
  /** Writes to standard output. @throws {Deno.errors.BrokenPipe} when nobody reads it any more */
  write(text: string): void;
  /** Writes to standard error. */
  note(text: string): void;
  /** Asks a yes-or-no question; undefined where nobody is there to answer. */
  confirm(question: string): Promise<boolean | undefined>;
}

/** A text as it stands out on this terminal. */
export function styled(terminal: Pick<Terminal, "colors">, text: string, style: Style | undefined): string {
  return style === undefined || !terminal.colors || text === "" ? text : `\x1b[${CODES[style]}m${text}\x1b[0m`;
}

/** What of the environment decides about colours. */
export interface TerminalEnvironment {
  /** See no-color.org: not empty means no colours. */
  readonly noColor: string | undefined;
  readonly term: string | undefined;
}

/** The terminal that the process was started from, or the files and pipes in its place. */
export function processTerminal({ noColor = "", term }: TerminalEnvironment): Terminal {
  const isTerminal = Deno.stdout.isTerminal();
  return {
    colors: isTerminal && noColor === "" && term !== "dumb",
    size: () => isTerminal ? Deno.consoleSize() : undefined,
    write: (text) => writeAll(Deno.stdout, text),
    note: (text) => writeAll(Deno.stderr, text),
    async confirm(question) {
      if (!Deno.stdin.isTerminal()) return undefined;
      writeAll(Deno.stderr, `${question} [y/N] `);
      const answer = new Uint8Array(64);
      const length = await Deno.stdin.read(answer) ?? 0;
      return /^\s*y(es)?\s*$/i.test(new TextDecoder().decode(answer.subarray(0, length)));
    },
  };
}

/** One write to a pipe may take only a part. */
function writeAll(file: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
}
