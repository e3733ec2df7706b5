import type { Channel } from "amqplib";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { TlsFiles } from "../support/tls_files.ts";
import { waitFor } from "../support/wait_for.ts";

/** Cases by name; each finds a broker without the modules' topology. */
export type BrokerCases = Record<string, (rabbit: RabbitServer, tls: TlsFiles) => Promise<void>>;

/** The beat of an agent. */
export const AGENT = { ip: "10.0.0.1", asset: "A1", version: "1", apps: "{}" };

/** A call that finds no agent. */
export const INFO_CALL = { mqkey: "openapi.heartbeat.agentInfo", mqtype: "call", mqbody: { ip: "10.9.9.9" } };

/** A cast that carries its number. */
export function cast(i: number) {
  return { mqkey: "supervisor.heartbeat.updateAppInfo", mqtype: "cast", mqbody: { result: [i] } };
}

/** Declares the module queue as a module that starts first would. */
export async function declareQueue(channel: Channel): Promise<void> {
  await channel.assertQueue("heartbeat", { durable: true });
  await channel.bindQueue("heartbeat", "elves", "*.heartbeat");
}

/** The broker's authority, and a certificate of ours. */
export async function readTls(tls: TlsFiles): Promise<{ ca: string; cert: string; key: string }> {
  const [ca, cert, key] = await Promise.all([
    Deno.readTextFile(tls.authority),
    Deno.readTextFile(tls.clientCertificate),
    Deno.readTextFile(tls.clientKey),
  ]);
  return { ca, cert, key };
}

/** Waits until so many messages wait in the module queue. */
export async function waitForReady(channel: Channel, count: number): Promise<void> {
  await waitFor(async () => (await channel.checkQueue("heartbeat")).messageCount === count, {
    timeoutMs: 10_000,
    what: `${count} waiting messages`,
  });
}

/** Waits until so many consume the service's queue. */
export async function waitForConsumers(channel: Channel, count: number): Promise<void> {
  await waitFor(async () => (await channel.checkQueue("heartbeat")).consumerCount === count, {
    timeoutMs: 10_000,
    what: `${count} consumers`,
  });
}

/** A port on which nobody listens. */
export function deadPort(): { port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return { port: listener.addr.port };
}
