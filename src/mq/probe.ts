import { type Channel, type ChannelModel, connect } from "amqplib";
import type { BrokerSettings } from "./broker.ts";
import { explainFault } from "./faults.ts";
import { TlsTunnel } from "./tls_tunnel.ts";
import { declareExchange, declareQueue, MODULE_QUEUE } from "./topology.ts";

/** How long connecting and logging in may take, ms. */
const CONNECT_MS = 5_000;

/** The broker's reply code for something that does not exist (AMQP 0-9-1, constants). */
const NOT_FOUND = 404;

type ProbeSettings = Pick<BrokerSettings, "user" | "password" | "vhost" | "exchange" | "tls">;

/**
 * Logs in to one RabbitMQ server and compares the exchange and the queue that are there with what is needed. Takes no
 * messages and makes nothing.
 * @returns what was found, in a few words
 * @throws Error saying what is wrong and what to change
 */
export async function probeBroker(
  { host, port }: { host: string; port: number },
  settings: ProbeSettings,
): Promise<string> {
  const { tls } = settings;
  const tunnel = tls?.cert === undefined ? undefined : new TlsTunnel(tls, () => ({ hostname: host, port }));
  try {
    const protocol = tls === undefined || tunnel !== undefined ? "amqp" : "amqps";
    const socket = tunnel === undefined ? tls : { path: tunnel.path };
    const { user: username, password, vhost } = settings;
    const model = await connect(
      { ...{ protocol, hostname: host, port, username, password }, vhost: encodeURIComponent(vhost) },
      { timeout: CONNECT_MS, noDelay: true, ...socket },
    ).catch((cause) => {
      const reason = tunnel?.reasonOf(cause) ?? cause;
      throw new Error(explainFault(reason), { cause: reason });
    });
    return await findings(model, settings);
  } finally {
    tunnel?.close();
  }
}

async function findings(model: ChannelModel, { user, exchange }: ProbeSettings): Promise<string> {
  // The refusal that matters comes back from the call that caused it.
  model.on("error", () => {});
  try {
    const exchangeFound = await compare(model, {
      exists: (channel) => channel.checkExchange(exchange),
      declare: (channel) => declareExchange(channel, exchange),
    });
    const queueFound = await compare(model, {
      exists: (channel) => channel.checkQueue(MODULE_QUEUE),
      declare: declareQueue,
    });
    return `logged in as ${user}; exchange ${exchange} ${exchangeFound}, queue ${MODULE_QUEUE} ${queueFound}; ` +
      "permissions to write and read were not tried";
  } finally {
    await model.close();
  }
}

interface Comparison {
  exists(channel: Channel): Promise<unknown>;
  declare(channel: Channel): Promise<unknown>;
}

/** Declares only what exists already, which compares its arguments. */
async function compare(model: ChannelModel, { exists, declare }: Comparison): Promise<string> {
  const absent = await attempt(model, exists);
  if (absent !== undefined) {
    if (absent.code === NOT_FOUND) return "not there yet (made at the start)";
    throw new Error(explainFault(absent), { cause: absent });
  }
  const refused = await attempt(model, declare);
  if (refused !== undefined) throw new Error(explainFault(refused), { cause: refused });
  return "fits";
}

/** A refusal closes the channel, so each attempt has its own. */
async function attempt(
  model: ChannelModel,
  operation: (channel: Channel) => Promise<unknown>,
): Promise<(Error & { code?: unknown }) | undefined> {
  const channel = await model.createChannel();
  channel.on("error", () => {});
  try {
    await operation(channel);
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
  await channel.close();
  return undefined;
}
