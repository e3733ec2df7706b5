import { type Invocation, UsageError } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Makes sure that somebody wants what cannot be undone: `--yes`, or a yes on the terminal.
 * @throws {UsageError} where neither is possible
 */
export async function confirmed(
  { command, options }: Invocation,
  terminal: Terminal,
  question: string,
): Promise<boolean> {
  if (options.has("yes")) return true;
  const answer = await terminal.confirm(question);
  if (answer === undefined) {
    throw new UsageError(`${command.name} asks first, and nobody can answer here: add --yes`, command.name);
  }
  if (!answer) terminal.note("nothing was changed\n");
  return answer;
}
