import { errorText } from "../error_text.ts";
import type { z } from "zod";
import { brokerSettings } from "../options.ts";
import { zookeeperEnabled } from "../config/config.ts";
import { loadConfig } from "../config/file.ts";
import type { Settings } from "../config/schema.ts";
import { descriptorShortage } from "../descriptors.ts";
import { probeBroker } from "../mq/probe.ts";
import { probeBeatPort } from "../thrift/probe.ts";
import { probeZookeeper } from "../zookeeper/probe.ts";
import { READINESS } from "./answers.ts";
import type { Invocation, Surroundings } from "./command.ts";
import { authority, localHost } from "../fleet/address.ts";
import { Service, ServiceError } from "./service.ts";
import { type Style, styled } from "./terminal.ts";
import { visible } from "./text_width.ts";

type Verdict = "ok" | "warning" | "FAULT";

const STYLES: Readonly<Record<Verdict, Style>> = { ok: "good", warning: "warning", FAULT: "bad" };

interface Line {
  readonly verdict: Verdict;
  readonly what: string;
  readonly text: string;
}

/**
 * Reads a configuration and tries everything that it names; starts and changes nothing.
 * @returns the exit code: 0 when the service could start and reach its peers, 1 when not
 * @throws {ConfigError} when the configuration cannot be used
 */
export async function check({ config }: Invocation, { terminal }: Surroundings): Promise<number> {
  const { settings, warnings } = loadConfig(config);
  const show = ({ verdict, what, text }: Line) => {
    const word = styled(terminal, verdict, STYLES[verdict]) + " ".repeat(8 - verdict.length);
    terminal.write(`${word} ${what.padEnd(10)} ${visible(text)}\n`);
  };
  show({ verdict: "ok", what: "config", text: config });
  for (const warning of warnings) show({ verdict: "warning", what: "config", text: warning });
  const tried = await Promise.all([
    tryBroker(settings),
    tryZookeeper(settings),
    tryBeatPort(settings),
    tryHttpPort(settings),
    tryDataDir(settings),
  ]);
  const lines = tried.flat();
  lines.forEach(show);
  return lines.some(({ verdict }) => verdict === "FAULT") ? 1 : 0;
}

async function tryBroker(settings: Settings): Promise<Line[]> {
  const broker = brokerSettings(settings, "check");
  return await Promise.all(broker.hosts.map((host) =>
    attempt("rabbitmq", async () => {
      const name = `${host.host}:${host.port}`;
      try {
        return `${name}: ${await probeBroker(host, broker)}`;
      } catch (cause) {
        throw new Error(`${name}: ${errorText(cause)}`, { cause });
      }
    })
  ));
}

async function tryZookeeper(settings: Settings): Promise<Line[]> {
  const connectString = settings["zookeeper.host"];
  if (!zookeeperEnabled(settings) || connectString === undefined) return [];
  return [
    await attempt("zookeeper", async () => {
      await probeZookeeper({
        hosts: connectString,
        timeoutMs: settings["zookeeper.outTime"],
        auth: settings["zookeeper.auth"],
      });
      return `${connectString}: session opened`;
    }),
  ];
}

async function tryBeatPort(settings: Settings): Promise<Line[]> {
  const hostname = settings["thrift.heartbeat.host"];
  const port = settings["thrift.heartbeat.port"];
  const line = await attempt("beats", async () => {
    const at = authority(hostname, port);
    if (isFree({ hostname, port }, "thrift.heartbeat")) return `${at} is free`;
    if (await probeBeatPort(localHost(hostname), port) === "thrift") return `${at} is served already, by this service`;
    throw new Error(`${at} is in use by something else: stop it, or take another thrift.heartbeat.port`);
  });
  const shortage = descriptorShortage(settings["thrift.maxConnections"]);
  return shortage === undefined ? [line] : [line, { verdict: "warning", what: "beats", text: shortage }];
}

/** Whether nobody listens there. @throws when the port cannot be opened for another reason */
function isFree(address: { hostname: string; port: number }, keys: string): boolean {
  try {
    Deno.listen(address).close();
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.AddrInUse) return false;
    const at = authority(address.hostname, address.port);
    throw new Error(`${at} cannot be opened (${keys}.host, ${keys}.port): ${errorText(cause)}`, { cause });
  }
}

/** The port of the page and the API; where the service runs, it is asked whether it is ready. */
async function tryHttpPort(settings: Settings): Promise<Line[]> {
  const hostname = settings["http.host"];
  const port = settings["http.port"];
  const at = authority(hostname, port);
  let readiness: Readiness | undefined;
  const line = await attempt("http", async () => {
    if (isFree({ hostname, port }, "http")) return `${at} is free`;
    readiness = await askReadiness(`http://${authority(localHost(hostname), port)}`);
    if (readiness !== undefined) return `${at} is served already, by this service`;
    throw new Error(`${at} is in use by something else: stop it, or take another http.port`);
  });
  return readiness === undefined ? [line] : [line, readinessLine(readiness)];
}

type Readiness = z.infer<typeof READINESS>;

/** What /readyz says; undefined when it is not this service that answers. */
async function askReadiness(base: string): Promise<Readiness | undefined> {
  const service = new Service({ base, token: undefined, config: "" });
  try {
    return await service.askFor(READINESS, "/readyz", { alsoTakes: 503 });
  } catch (cause) {
    if (cause instanceof ServiceError) return undefined;
    throw cause;
  }
}

function readinessLine(readiness: Readiness): Line {
  const parts = ["beats", "mq", "zookeeper", "store", "catalog"] as const;
  const faults = parts.filter((part) => !readiness[part].ok).map((part) => {
    const { fault } = readiness[part];
    return typeof fault === "string" ? `${part} (${fault})` : part;
  });
  const what = "running";
  if (!readiness.ready) return { verdict: "FAULT", what, text: `the service is not ready: ${faults.join(", ")}` };
  if (faults.length > 0) {
    return { verdict: "warning", what, text: `the service is ready, but not ${faults.join(", ")}` };
  }
  if (readiness.warming) {
    return { verdict: "warning", what, text: "the service is ready, but has not heard of all agents yet" };
  }
  return { verdict: "ok", what, text: "the service is ready" };
}

/** Looks whether the folder can be written by whoever runs this, which need not be whom the service runs as. */
async function tryDataDir(settings: Settings): Promise<Line[]> {
  const dir = settings["data.dir"];
  return [
    await attempt("data", async () => {
      try {
        await Deno.remove(await Deno.makeTempFile({ dir, prefix: "check-" }));
        return `${dir} can be written by this user`;
      } catch (cause) {
        if (cause instanceof Deno.errors.NotFound) return `${dir} is not there yet (made at the start)`;
        throw new Error(`${dir} cannot be written by this user (data.dir): ${errorText(cause)}`);
      }
    }),
  ];
}

async function attempt(what: string, operation: () => Promise<string>): Promise<Line> {
  try {
    return { verdict: "ok", what, text: await operation() };
  } catch (cause) {
    return { verdict: "FAULT", what, text: errorText(cause) };
  }
}
