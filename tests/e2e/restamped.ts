import { Buffer } from "node:buffer";
import { BINARY, requireBinary } from "../support/binary.ts";

/** A copy of the executable that calls itself another version. Leaving its scope removes it. */
export interface RestampedBinary extends AsyncDisposable {
  readonly path: string;
  readonly version: string;
}

/** The stamp that install.sh compiles in, as it stands in the executable. */
const STAMP = /\{ "version": "([^"]+)", "commit": "/;

/** Copies the executable; the version becomes one of the same length, because nothing in it may move. */
export async function restampedBinary(): Promise<RestampedBinary> {
  await requireBinary();
  const bytes = Buffer.from(await Deno.readFile(BINARY));
  const [stamp, version] = STAMP.exec(bytes.toString("latin1")) ?? [];
  if (stamp === undefined || version === undefined) throw new Error(`no stamp in ${BINARY}`);
  const other = `0${version.slice(1)}`;
  bytes.write(stamp.replace(version, other), bytes.indexOf(stamp, 0, "latin1"), "latin1");
  const folder = await Deno.makeTempDir({ prefix: "hb-restamped-" });
  const path = `${folder}/elves-heartbeat`;
  await Deno.writeFile(path, bytes, { mode: 0o755 });
  return { path, version: other, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}
