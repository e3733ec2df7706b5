/** What a caught value says, in the words of whoever threw it. */
export function errorText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
