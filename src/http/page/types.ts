/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/** What the API answers (src/http/api), as far as the page reads it; and what the page's own parts promise each other. */

export type AgentState = "online" | "suspect" | "offline";

export interface Held {
  at: string;
  at_ms: number;
  reason: string;
  apps: number;
  agents: number;
}

export interface Part {
  state: string;
  since: string | null;
  fault: string | null;
}

export interface SinkCounts {
  name: string;
  queued: number;
  delivered: number;
  /** How many were dropped, in all or by reason. */
  dropped: number | Record<string, number>;
  [count: string]: unknown;
}

export interface Summary {
  instance: string;
  version: string;
  commit: string;
  deno: string;
  runtime: string;
  started_at: string;
  now: string;
  now_ms: number;
  agents: { online: number; suspect: number; offline: number; total: number; silenced: number; flapping: number };
  beats: { total: number; per_second: number };
  timeout_seconds: number;
  beat_interval_seconds: number | null;
  warming: boolean;
  grace_until: string | null;
  guard: { on: boolean; since: string | null; silent: number; agents: number; held: number; ends_by: string | null };
  catalog: {
    source: "local" | "supervisor";
    known: boolean;
    apps: number;
    agents: number;
    confirmed_at: string | null;
    age_seconds: number | null;
    held: Held | null;
  };
  mq: Part;
  zookeeper: Part & { path: string | null };
  store: Part & { lag_seconds: number; queued: number };
  events: { sinks: SinkCounts[] };
  cluster: { enabled: false } | Cluster;
  silences: number;
  stream_clients: number;
}

export interface Cluster {
  enabled: true;
  caught_up: boolean;
  settled: boolean;
  leader: string | null;
  leading: boolean;
  lag_seconds: number;
  catalog: string | null;
  members: ClusterMember[];
  catalog_mismatch: boolean;
  pending_events: number;
  record_faults: number;
}

export interface ClusterMember {
  instance: string;
  version: string;
  skew_seconds: number | null;
  seen_seconds: number;
  catalog: string | null;
}

export interface AgentRow {
  ip: string;
  asset: string;
  last_hb_time: string;
  apps: Record<string, string>;
  state: AgentState;
  since: string;
  version: string;
  silent_seconds: number;
  last_hb_ms: number;
  apps_fault?: string;
  apps_raw?: string;
  peer?: string;
  duplicate?: { reason: string; at: string };
  silenced?: boolean;
  flapping?: boolean;
}

export interface Silence {
  id: string;
  cidr: string | null;
  asset: string | null;
  reason: string;
  by: string;
  created_at: string;
  until: string;
  until_ms: number;
  agents: number;
}

export interface AgentDetail extends AgentRow {
  wanted: Record<string, string> | null;
  silence: Silence | null;
}

export interface AgentPage {
  total: number;
  page: number;
  size: number;
  next: string | null;
  agents: AgentRow[];
}

export interface EventRow {
  kind: string;
  id: string;
  at: string;
  at_ms: number;
  ip?: string;
  asset?: string;
  since?: string;
  last_hb_ms?: number;
  away_seconds?: number;
  [detail: string]: unknown;
}

export interface EventPage {
  events: EventRow[];
  next: string | null;
}

export interface VersionCounts {
  version: string;
  wanted: number;
  matching: number;
  missing: number;
  installed: number;
  unwanted: number;
}

export interface AppCounts {
  app: string;
  wanted: number;
  matching: number;
  missing: number;
  unwanted: number;
  versions: VersionCounts[];
}

export interface Rollout {
  source: string;
  known: boolean;
  agents: number;
  apps: AppCounts[];
}

export interface AppAgent {
  ip: string;
  asset: string;
  state: AgentState;
  wanted: string | null;
  installed: string | null;
  silenced?: boolean;
}

export interface AppAgentPage {
  total: number;
  page: number;
  size: number;
  agents: AppAgent[];
}

export interface CatalogEntry {
  id: number | string;
  taken_at: string;
  taken_at_ms: number;
  source: string;
  origin: string;
  /** Null where what is stored cannot be read. */
  apps: number | null;
  agents: number | null;
  current: boolean;
}

export interface Catalogs {
  held: Held | null;
  catalogs: CatalogEntry[];
}

export interface CatalogChange {
  app: string;
  version: string;
  added: string[];
  added_count: number;
  removed: string[];
  removed_count: number;
}

export interface History {
  step_seconds: number;
  at_ms: number[];
  online: (number | null)[];
  suspect: (number | null)[];
  offline: (number | null)[];
  beats_per_second: (number | null)[];
}

/** The part of the address behind `#/`: path segments, decoded, and the query. */
export interface Place {
  path: string[];
  query: URLSearchParams;
}

/** One page of the page. */
export interface View {
  node: HTMLElement;
  title: string;
  /** Takes another query of the same path; without it the view is made anew. */
  go?: (place: Place) => void;
  /** A summary has come, once a second. */
  summary?: (summary: Summary) => void;
  /** Something happened; the newest last. */
  events?: (events: EventRow[]) => void;
  /** Loads again what is shown: a few seconds have passed, the connection is back, or something was changed by hand. */
  refresh?: () => void;
  /** Where `/` puts the cursor. */
  search?: HTMLElement;
  close?: () => void;
}
