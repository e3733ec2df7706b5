import { type Exposition, scrape } from "../metrics/exposition.ts";
import type { BinaryProcess } from "../support/binary.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";

/** What all attacks share. */
export interface Stage {
  readonly rabbit: RabbitServer;
}

/** An attack; throws when it did harm. */
export type Attack = (stage: Stage) => Promise<void>;

/** Settings of a service that modules reach, and whose agents may run `app1` in version 1.0.1. */
export function mqSettings({ host, port, user, password }: RabbitServer): string {
  return [
    ...[`mq.ip = ${host}`, `mq.port = ${port}`, `mq.user = ${user}`, `mq.password = ${password}`],
    ...["auth.mode = simple", "auth.localAppInfo = {'app1':'1.0.1'}", "thrift.heartbeat.host = 127.0.0.1"],
  ].join("\n").concat("\n");
}

/** The same, and loopback addresses are taken for strangers rather than for balancers. */
export function attackedSettings(rabbit: RabbitServer): string {
  return `${mqSettings(rabbit)}thrift.proxies = 192.0.2.0/24\n`;
}

/** What the service counts. */
export async function figuresOf({ httpPort }: BinaryProcess): Promise<Exposition> {
  return (await scrape(`http://127.0.0.1:${httpPort}`)).figures;
}

/** How many descriptors a process holds. */
export async function descriptorsOf(pid: number): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
}

/** How many descriptors a process that is started from here may hold. */
export async function descriptorLimit(): Promise<number> {
  const limits = await Deno.readTextFile("/proc/self/limits");
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return Number(soft);
}
