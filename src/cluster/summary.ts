import type { RecordFault } from "./records.ts";

/** How the cluster stands, for readiness, metrics and the summary. */
export interface ClusterStatus {
  /** Whether everything that the others know is known here. */
  readonly caughtUp: boolean;
  /** Whether agents are called offline when they are due; not while others may know more. */
  readonly settled: boolean;
  /** Name of the instance that tells events, as far as it is known. */
  readonly leader: string | undefined;
  readonly leading: boolean;
  /** How long a record takes to every instance, s; grows while nothing comes. */
  readonly lagSeconds: number;
  /** Digest of the catalog in force here. */
  readonly catalog: string | undefined;
  readonly members: readonly {
    readonly instance: string;
    readonly version: string;
    /** By how much this instance's clock is ahead of its clock, s. */
    readonly skewSeconds: number | undefined;
    /** How long ago it was heard of, s. */
    readonly seenSeconds: number;
    /** Digest of its catalog. */
    readonly catalog: string | undefined;
  }[];
  readonly catalogMismatch: boolean;
  /** How many events wait here to be told by this instance or dropped. */
  readonly pendingEvents: number;
  /** Records that could not be used since the start. */
  readonly faults: Readonly<Record<RecordFault, number>>;
}

/** How this instance stands among the others, as `/api/v1/summary` tells it. */
export interface ClusterSummary {
  readonly enabled: true;
  /** Whether everything that the others know is known here. */
  readonly caught_up: boolean;
  /** Whether agents are called offline when they are due; not while others may know more. */
  readonly settled: boolean;
  /** The instance that tells events; null while none is known to. */
  readonly leader: string | null;
  readonly leading: boolean;
  /** How long a record takes through RabbitMQ, or how long the one takes that has not come yet. */
  readonly lag_seconds: number;
  /** Digest of the catalog in force here; null while there is none. */
  readonly catalog: string | null;
  /** The other instances. */
  readonly members: readonly {
    readonly instance: string;
    readonly version: string;
    /** By how much this machine's clock is ahead of its clock; null while not measured. */
    readonly skew_seconds: number | null;
    readonly seen_seconds: number;
    /** Digest of its catalog; null while it has none. */
    readonly catalog: string | null;
  }[];
  /** Whether another instance has had another catalog for more than 5 s. */
  readonly catalog_mismatch: boolean;
  /** Events that wait to be told by the leader, or by this instance should the leader die. */
  readonly pending_events: number;
  /** Records that could not be used since the start. */
  readonly record_faults: number;
}

/** @param status undefined where this is the only instance */
export function clusterSummary(status: ClusterStatus | undefined): { readonly enabled: false } | ClusterSummary {
  if (status === undefined) return { enabled: false };
  const { caughtUp, settled, leader, leading, lagSeconds, catalog, members, catalogMismatch, pendingEvents, faults } =
    status;
  return {
    ...{ enabled: true, caught_up: caughtUp, settled, leader: leader ?? null, leading },
    lag_seconds: rounded(lagSeconds, 3),
    catalog: catalog ?? null,
    members: members.map(({ instance, version, skewSeconds, seenSeconds, catalog }) => ({
      ...{ instance, version, catalog: catalog ?? null },
      skew_seconds: skewSeconds === undefined ? null : rounded(skewSeconds, 3),
      seen_seconds: rounded(seenSeconds, 1),
    })),
    ...{ catalog_mismatch: catalogMismatch, pending_events: pendingEvents },
    record_faults: faults.unknown + faults.unreadable,
  };
}

function rounded(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}
