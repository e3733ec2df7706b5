import { errorText } from "../error_text.ts";
import { brokerSettings } from "../options.ts";
import { zookeeperEnabled } from "../config/config.ts";
import { loadConfig } from "../config/file.ts";
import type { Settings } from "../config/schema.ts";
import { descriptorShortage } from "../descriptors.ts";
import { probeBroker } from "../mq/probe.ts";
import { probeBeatPort } from "../thrift/probe.ts";
import { probeZookeeper } from "../zookeeper/probe.ts";

type Verdict = "ok" | "warning" | "FAULT";

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
export async function check(config: string, print: (text: string) => void): Promise<number> {
  const { settings, warnings } = loadConfig(config);
  const show = ({ verdict, what, text }: Line) => print(`${verdict.padEnd(8)} ${what.padEnd(10)} ${text}\n`);
  show({ verdict: "ok", what: "config", text: config });
  for (const warning of warnings) show({ verdict: "warning", what: "config", text: warning });
  const tried = await Promise.all([
    tryBroker(settings),
    tryZookeeper(settings),
    tryBeatPort(settings),
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
    try {
      Deno.listen({ hostname, port }).close();
      return `${hostname}:${port} is free`;
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) {
        throw new Error(
          `${hostname}:${port} cannot be opened (thrift.heartbeat.host, thrift.heartbeat.port): ${errorText(cause)}`,
        );
      }
    }
    // A server on every address answers on loopback as well.
    const local = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
    if (await probeBeatPort(local, port) === "thrift") return `${hostname}:${port} is served already, by this service`;
    throw new Error(`${hostname}:${port} is in use by something else: stop it, or take another thrift.heartbeat.port`);
  });
  const shortage = descriptorShortage(settings["thrift.maxConnections"]);
  return shortage === undefined ? [line] : [line, { verdict: "warning", what: "beats", text: shortage }];
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
