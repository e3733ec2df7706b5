import { z } from "zod";
import configuration from "../deno.json" with { type: "json" };

/** What this build is made of. */
export interface BuildInfo {
  readonly version: string;
  /** The commit it was built from, or what took its place. */
  readonly commit: string;
  /** Where the runtime in the executable comes from. */
  readonly runtime: string;
}

const BUILD = z.object({ version: z.string(), commit: z.string(), runtime: z.string() });

/** The stamp that `install.sh build` compiles in; without it this runs from the sources. */
export function buildInfo(): BuildInfo {
  const sources: BuildInfo = { version: configuration.version, commit: "none", runtime: "deno run, from the sources" };
  if (!Deno.build.standalone) return sources;
  return BUILD.parse(JSON.parse(Deno.readTextFileSync(new URL("../dist/build.json", import.meta.url))));
}
