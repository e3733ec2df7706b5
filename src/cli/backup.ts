import { basename, dirname, join } from "node:path";
import { errorText } from "../error_text.ts";
import { CommandError, type Invocation, type Surroundings } from "./command.ts";
import { countText } from "./format.ts";
import { LONG_DEADLINE_MS, Service } from "./service.ts";

/** `backup`: FILE is either whole and on the disk, or as it was. */
export async function backup(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const path = invocation.operands[0] ?? "";
  const isForced = invocation.options.has("force");
  const service = Service.of(invocation);
  if (!isForced) refuseExisting(path);
  const temporary = join(dirname(path), `.${basename(path)}.${crypto.randomUUID().slice(0, 8)}`);
  const file = create(temporary, path);
  try {
    const bytes = await receive(file, service);
    if (!isForced) refuseExisting(path);
    place(temporary, path);
    terminal.write(`${path}: ${countText(bytes)} bytes\n`);
    return 0;
  } catch (cause) {
    removeIfThere(temporary);
    throw cause;
  } finally {
    file.close();
  }
}

function refuseExisting(path: string): void {
  try {
    Deno.lstatSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    throw new CommandError(`${path} cannot be written: ${errorText(cause)}`, { cause });
  }
  throw new CommandError(`${path} is there already; --force replaces it`);
}

function create(temporary: string, path: string): Deno.FsFile {
  try {
    // What agents run is nobody else's business.
    return Deno.openSync(temporary, { write: true, createNew: true, mode: 0o600 });
  } catch (cause) {
    throw new CommandError(`${path} cannot be written: ${errorText(cause)}`, { cause });
  }
}

async function receive(file: Deno.FsFile, service: Service): Promise<number> {
  let bytes = 0;
  const question = { method: "POST", deadlineMs: LONG_DEADLINE_MS } as const;
  for await (const chunk of service.stream("/api/v1/backup", question)) {
    written(() => {
      for (let rest = chunk; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    });
    bytes += chunk.length;
  }
  written(() => file.syncSync());
  return bytes;
}

/** Under its own name, and so that it is there after a power failure too. */
function place(temporary: string, path: string): void {
  written(() => {
    Deno.renameSync(temporary, path);
    using folder = Deno.openSync(dirname(path));
    folder.syncSync();
  });
}

function written(write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new CommandError(`the backup could not be written: ${errorText(cause)}`, { cause });
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
}
