import { buildInfo } from "../build_info.ts";
import type { Invocation, Surroundings } from "./command.ts";

/** `version`: which build this is, and where its runtime comes from. */
export function version(_invocation: Invocation, { terminal }: Surroundings): number {
  const { version, commit, runtime } = buildInfo();
  terminal.write(`elves-heartbeat ${version} (${commit})\nDeno ${Deno.version.deno}, ${runtime}\n`);
  return 0;
}
