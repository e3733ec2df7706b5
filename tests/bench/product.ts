import { BINARY, requireBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { Child } from "./processes.ts";
import { RUNTIME } from "./rounds.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const MAIN = `${ROOT}src/main.ts`;

/** What every agent may run in the benches. */
export const LOCAL_APPS = { deploy: "2.0.1", logclean: "1.0.0", backup: "3.2.0" };

/** elves-heartbeat in a process of its own: from its sources on this runtime, or the compiled executable. */
export interface Product extends AsyncDisposable {
  readonly process: Child;
  readonly port: number;
  /** Where its page and API are. */
  readonly httpPort: number;
  /** Its RabbitMQ virtual host, and where that is. */
  readonly vhost: string;
  readonly mqUrl: string;
  /** Its data folder. */
  readonly data: string;
}

/** What sources run on. */
export interface Runtime {
  /** As in the table: its name and version. */
  readonly name: string;
  /** The path of its deno. */
  readonly deno: string;
  readonly flags: readonly string[];
}

/** What a bench chooses. */
export interface ProductOptions {
  /** A virtual host of {@link addVhost}; by default it gets one of its own: one queue, one reader. */
  readonly vhost?: string;
  /** More lines of conf.properties. */
  readonly config?: string;
  /** A script of the bench that runs in the product's process before it; from sources only. */
  readonly preload?: string;
  /** A runtime other than this one; from sources only. */
  readonly runtime?: Runtime | undefined;
  /** A data folder to start from; it is copied. */
  readonly data?: string;
}

/** Makes a virtual host of RabbitMQ, and gives its name. */
export async function addVhost(rabbit: RabbitServer): Promise<string> {
  const vhost = `bench-${crypto.randomUUID().slice(0, 8)}`;
  await rabbit.rabbitmqctl(["add_vhost", vhost]);
  await rabbit.rabbitmqctl(["set_permissions", "-p", vhost, rabbit.user, ".*", ".*", ".*"]);
  return vhost;
}

/** Starts it and waits until it takes beats and calls. */
export async function startProduct(
  how: "source" | "binary",
  rabbit: RabbitServer,
  options: ProductOptions = {},
): Promise<Product> {
  if (how === "binary") await requireBinary();
  const vhost = options.vhost ?? await addVhost(rabbit);
  const folder = await Deno.makeTempDir({ prefix: "hb-bench-" });
  const data = `${folder}/data`;
  if (options.data !== undefined) await copyFolder(options.data, data);
  const config = `${folder}/conf.properties`;
  const ports = { beatPort: freePort(), httpPort: 0 };
  await Deno.writeTextFile(config, `${configuration(rabbit, { vhost, folder, ...ports })}${options.config ?? ""}`);
  const run = ["run", "--config", config];
  const process = how === "binary" ? new Child(BINARY, run) : fromSource(options, run);
  try {
    const [, port] = await process.wrote(/beats on \S+:(\d+)/);
    const [, httpPort] = await process.wrote(/metrics on http:\/\/\S+:(\d+)/);
    // A call before that would find no queue and get no answer.
    await process.wrote(/mq: connected/);
    const mqUrl = `${rabbit.url}/${vhost}`;
    return {
      process,
      port: Number(port),
      httpPort: Number(httpPort),
      vhost,
      mqUrl,
      data,
      [Symbol.asyncDispose]: () => stop(process, folder),
    };
  } catch (cause) {
    await stop(process, folder);
    throw cause;
  }
}

function fromSource({ preload, runtime }: ProductOptions, args: readonly string[]): Child {
  const preloading = preload === undefined ? [] : ["--preload", new URL(preload, import.meta.url).pathname];
  const { deno, flags } = runtime ?? { deno: Deno.execPath(), flags: [] };
  return new Child(deno, ["run", "--no-prompt", "--allow-all", ...flags, ...preloading, MAIN, ...args]);
}

/** What the executable runs on, and the flags that install.sh builds into it; undefined when that deno is not here. */
export async function runtimeOfBinary(): Promise<Runtime | undefined> {
  const { stdout } = await new Deno.Command(BINARY, { args: ["version"] }).output();
  const name = /^Deno [\d.]+/m.exec(new TextDecoder().decode(stdout))?.[0] ?? "";
  const flags = /^V8_FLAGS=(\S+)$/m.exec(await Deno.readTextFile(`${ROOT}install.sh`))?.[1];
  if (flags === undefined) throw new Error("install.sh has no V8_FLAGS");
  if (name === RUNTIME) return { name, deno: Deno.execPath(), flags: [flags] };
  const deno = `${ROOT}.toolchain/${name.toLowerCase().replace(" ", "-")}`;
  return await exists(deno) ? { name, deno, flags: [flags] } : undefined;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (cause) => {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  });
}

async function stop(process: Child, folder: string): Promise<void> {
  await process[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
}

/** Copies a folder of files. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
}

/** Text of a conf.properties with its data below `folder`; port 0 for any. */
export function configuration(
  rabbit: RabbitServer,
  { vhost, folder, beatPort, httpPort }: { vhost: string; folder: string; beatPort: number; httpPort: number },
): string {
  const apps = Object.entries(LOCAL_APPS).map(([app, version]) => `'${app}':'${version}'`);
  return `mq.ip = ${rabbit.host}
mq.port = ${rabbit.port}
mq.user = ${rabbit.user}
mq.password = ${rabbit.password}
mq.vhost = ${vhost}
auth.mode = simple
auth.localAppInfo = {${apps.join(",")}}
thrift.heartbeat.host = 127.0.0.1
thrift.heartbeat.port = ${beatPort}
http.port = ${httpPort}
data.dir = ${folder}/data
`;
}
