import type { FaultKind } from "./fault.ts";
import type { Holder } from "./lock.ts";
import type { StoredSilence } from "../fleet/silences.ts";
import type { AgentPage } from "./pages.ts";
import type { PackedAgents, Value } from "./rows.ts";

/** A catalog as it is kept. */
export interface CatalogRow {
  /** Grows with each. */
  readonly id: number;
  /** When it was accepted, ms since the epoch. */
  readonly takenAtMs: number;
  readonly source: "local" | "supervisor";
  /** How it came, for people. */
  readonly origin: string;
  /** JSON text of the accepted catalog in the form of updateAppInfo. */
  readonly body: string;
}

/** A catalog to keep. */
export type NewCatalog = Omit<CatalogRow, "id">;

/** A piece of a transaction. */
export interface WritePart {
  /** Addresses whose rows are deleted. */
  readonly forgotten: readonly string[];
  readonly agents: PackedAgents;
  /** Address and last beat, ms since the epoch, of agents that are stored already: a list of pairs, JSON text. */
  readonly seen: string;
  /** See packEvents. */
  readonly events: readonly Value[];
  /** Ids of events, stored before or in this transaction, that were sent. */
  readonly sent: readonly string[];
  readonly catalogs: readonly NewCatalog[];
  /** All silences; undefined when they are the same as before. */
  readonly silences?: readonly StoredSilence[] | undefined;
  /** Whether the transaction ends with this piece. */
  readonly commit: boolean;
  /** Ms since the epoch; events older than the retention before it go. */
  readonly nowMs: number;
}

/** Which events to list. */
export interface EventQuery {
  /** Those of one agent only. */
  readonly ip?: string;
  /** Those of these kinds only. */
  readonly kinds?: readonly string[];
  /** Those stored before the event of this id only: the last of the page before. */
  readonly beforeId?: string;
  /** How many at most; default 100. */
  readonly limit?: number;
}

/** Where and how a database is opened. */
export interface OpenOptions {
  readonly folder: string;
  readonly holder: Holder;
  readonly eventRetentionMs: number;
  readonly maxEvents: number;
}

/** Rows up to a place, and the place to go on from; undefined behind the last ones. */
export interface Page<T> {
  readonly rows: T;
  readonly next: number | undefined;
}

/** What the main thread asks of the worker, and what it gets. */
export interface Operations {
  /** Answers whether the database is a new one. */
  open: { input: OpenOptions; output: boolean };
  /** Moves the file that cannot be used out of the way; answers where it is now. */
  setAside: { input: { folder: string; holder: Holder; nowMs: number }; output: string };
  /** The next agents since the database was opened; undefined behind the last ones. */
  agents: { input: null; output: AgentPage | undefined };
  unsent: { input: { after: number }; output: Page<Value[]> };
  silences: { input: null; output: StoredSilence[] };
  newestCatalogs: { input: null; output: CatalogRow[] };
  write: { input: WritePart; output: undefined };
  events: { input: EventQuery; output: Value[] };
  catalogs: { input: null; output: CatalogRow[] };
  backup: { input: { from: string; to: string }; output: undefined };
  close: { input: null; output: undefined };
}

/** The name of an operation. */
export type Operation = keyof Operations;

/** A question to the worker. */
export type Question = {
  [O in Operation]: { readonly operation: O; readonly input: Operations[O]["input"] };
}[Operation];

/** What the worker says; questions are answered in the order in which they came. */
export type Answer =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly kind: FaultKind; readonly message: string };
