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

/** The fleet in the one line that `systemctl status` shows. */
export function statusLine({ agents, beats, warming, guard, catalog, mq, zookeeper, store }: StatusFacts): string {
  const { online, suspect, offline } = agents;
  const rate = beats.per_second;
  const parts = [
    `${grouped(online)} online, ${grouped(suspect)} suspect, ${grouped(offline)} offline`,
    `${rate < 10 ? Math.round(rate * 10) / 10 : grouped(rate)} beats/s`,
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

/** A whole number as people read it: `12,345`. The first of Intl's formatters takes 13 ms of the start. */
function grouped(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}
