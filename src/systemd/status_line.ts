/** What the status line tells of; a part of the service's summary. */
export interface StatusFacts {
  readonly agents: { readonly online: number; readonly suspect: number; readonly offline: number };
  readonly beats: { readonly per_second: number };
  readonly warming: boolean;
  readonly guard: { readonly on: boolean };
  readonly catalog: { readonly known: boolean; readonly held: object | null };
  readonly mq: { readonly state: string };
  readonly zookeeper: { readonly state: string };
  readonly store: { readonly state: string };
}

const NUMBER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SMALL_NUMBER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

/** The fleet in the one line that `systemctl status` shows. */
export function statusLine({ agents, beats, warming, guard, catalog, mq, zookeeper, store }: StatusFacts): string {
  const { online, suspect, offline } = agents;
  const rate = beats.per_second;
  const parts = [
    `${NUMBER.format(online)} online, ${NUMBER.format(suspect)} suspect, ${NUMBER.format(offline)} offline`,
    `${(rate < 10 ? SMALL_NUMBER : NUMBER).format(rate)} beats/s`,
    `RabbitMQ ${mq.state}`,
  ];
  if (zookeeper.state !== "disabled") parts.push(`ZooKeeper ${zookeeper.state}`);
  if (store.state !== "ok") parts.push(`store ${store.state}`);
  if (guard.on) parts.push("guard on: overdue agents are held");
  if (!catalog.known) parts.push("apps not known yet: agents get exceptions");
  if (catalog.held !== null) parts.push("a catalog is held: see `apps diff`");
  if (warming) parts.push("warming up");
  return parts.join("; ");
}
