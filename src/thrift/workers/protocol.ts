import type { BeatOutcome } from "../../fleet/fleet.ts";
import type { Certificate } from "../door.ts";
import type { BeatBatch } from "./batch.ts";
import type { SharedLimitsOptions } from "./shared_limits.ts";

/** Where and within which limits a worker takes beats; what it leaves out is as in BeatServerOptions. */
export interface WorkerServerOptions {
  readonly hostname: string;
  readonly port: number;
  readonly tls?: { readonly hostname: string; readonly port: number; readonly certificate: Certificate };
  readonly requestTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly maxMessageBytes?: number;
  /** Address ranges, as text. */
  readonly allow?: string;
  readonly proxies?: string;
}

/** A catalog in shared memory; each has another number, and later ones a higher one. */
export interface NumberedCatalog {
  readonly number: number;
  /** Undefined as long as no catalog is known. */
  readonly memory: SharedArrayBuffer | undefined;
}

/** What a worker begins with. */
export interface WorkerStart {
  /** From 0. */
  readonly worker: number;
  readonly server: WorkerServerOptions;
  readonly limits: SharedLimitsOptions;
  /** Memory of SharedFleet. */
  readonly fleet: SharedArrayBuffer;
  /** Memory of BeatCounters. */
  readonly counters: SharedArrayBuffer;
  readonly catalog: NumberedCatalog;
}

/** What the main thread tells a worker. */
export type ToWorker =
  | { readonly kind: "start"; readonly start: WorkerStart }
  /** To be answered from now on. */
  | { readonly kind: "catalog"; readonly catalog: NumberedCatalog }
  /** What became of the beats of a batch that were asked about, in their order. */
  | { readonly kind: "verdicts"; readonly outcomes: readonly BeatOutcome[] }
  /** Whether a connection is a knock of the main thread. */
  | { readonly kind: "knock"; readonly id: number; readonly isKnock: boolean }
  | { readonly kind: "renew"; readonly certificate: Certificate }
  | { readonly kind: "stop"; readonly drainTimeoutMs: number };

/** What a worker tells the main thread. */
export type FromWorker =
  | { readonly kind: "listening" }
  | { readonly kind: "cannotListen"; readonly cause: Error }
  | { readonly kind: "beats"; readonly batch: BeatBatch }
  | { readonly kind: "hasCatalog"; readonly number: number }
  | { readonly kind: "fault"; readonly fault: string; readonly message: string; readonly properties: FaultProperties }
  /** There were more faults of a kind since the one that was told. */
  | { readonly kind: "repeated"; readonly fault: string; readonly times: number }
  | { readonly kind: "starved" }
  /** Asks whether a connection from there is a knock. */
  | { readonly kind: "knock"; readonly id: number; readonly hostname: string; readonly port: number }
  | { readonly kind: "renewed"; readonly cause: Error | undefined }
  | { readonly kind: "stopped" };

/** What a log line says besides its words: what can be sent from thread to thread. */
export type FaultProperties = Readonly<Record<string, string | number | Error>>;
