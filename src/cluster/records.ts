import { Buffer } from "node:buffer";
import { z } from "zod";
import type { ForgottenRow, RemoteBeat } from "../fleet/sharing.ts";
import { Numbered } from "../numbered.ts";

/** The version of the records; those of another one are left alone. */
const VERSION = 1;
/** The largest record that is parsed, bytes: a catalog of 50,000 agents has several MiB. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

/** A beat as instances tell each other. */
export interface SharedBeat extends RemoteBeat {
  /** How old it was when the record was sent, by the monotonic clock of that instance, whole ms. */
  readonly ageMs: number;
}

/** What an instance says of itself every second. */
export interface Marker {
  /** Counts the markers of a run. */
  readonly number: number;
  /** Version of the program. */
  readonly version: string;
  /** Whether it has read the stream to its end. */
  readonly caughtUp: boolean;
  /** Whether it has heard everybody out, so that it calls agents offline when they are due. */
  readonly settled: boolean;
  /** Whether it tells events. */
  readonly leading: boolean;
  /** Digest of its catalog, and when that was said, ms since the epoch; undefined while it has none. */
  readonly catalog: { readonly digest: string; readonly atMs: number } | undefined;
  /** Whether it stops. */
  readonly leaves: boolean;
}

/** An event that was told, by id and time. */
export interface ToldEvent {
  readonly id: string;
  readonly atMs: number;
}

/** A catalog that is in force somewhere. */
export interface SharedCatalog {
  /** When it was said, ms since the epoch. */
  readonly atMs: number;
  /** How it came. */
  readonly origin: string;
  /** In the form of updateAppInfo, JSON text. */
  readonly body: string;
}

/** Everything that instances tell each other over the stream. */
export type ClusterRecord =
  | { readonly kind: "beats"; readonly beats: readonly SharedBeat[] }
  | { readonly kind: "marker"; readonly marker: Marker }
  /** What is about to be told. */
  | { readonly kind: "claimed"; readonly events: readonly ToldEvent[] }
  | { readonly kind: "told"; readonly events: readonly ToldEvent[] }
  | { readonly kind: "forget"; readonly rows: readonly ForgottenRow[] }
  | { readonly kind: "guardRelease" }
  | {
    readonly kind: "silenceAdd";
    readonly silences: readonly SharedSilence[];
    /** The run for which these are all there are. */
    readonly completeFor?: string | undefined;
  }
  | { readonly kind: "silenceRemove"; readonly ids: readonly string[] }
  | { readonly kind: "catalog"; readonly catalog: SharedCatalog };

/** A record and who sent it. */
export interface Envelope {
  /** The process that sent it: instance, a dot, and what tells its runs apart. */
  readonly run: string;
  /** When, by its wall clock, ms since the epoch. */
  readonly sentMs: number;
  readonly record: ClusterRecord;
}

/** Why a record cannot be used: of another version or kind, as of a newer program, or not to be read at all. */
export type RecordFault = "unknown" | "unreadable";

const whole = z.number().int();
const silence = z.object({
  id: z.string().min(1).max(64),
  cidr: z.string().optional(),
  asset: z.string().optional(),
  reason: z.string(),
  by: z.string(),
  createdAtMs: whole,
  untilMs: whole,
}).transform((row) => ({ ...row, cidr: row.cidr, asset: row.asset }));

/** A maintenance window as instances tell each other. */
export type SharedSilence = z.infer<typeof silence>;

const head = z.object({ v: z.number(), kind: z.string(), run: z.string().min(1).max(512), sent_ms: whole });

const named = z.object({ events: z.array(z.object({ id: z.string(), atMs: z.number() })) });

const BODIES = {
  marker: z.object({
    marker: z.object({
      number: whole,
      version: z.string(),
      caughtUp: z.boolean(),
      settled: z.boolean(),
      leading: z.boolean(),
      catalog: z.object({ digest: z.string(), atMs: z.number() }).optional(),
      leaves: z.boolean(),
    }).transform((marker) => ({ ...marker, catalog: marker.catalog })),
  }),
  claimed: named,
  told: named,
  forget: z.object({ rows: z.array(z.object({ ip: z.string(), stampMs: z.number() })) }),
  guardRelease: z.object({}),
  silenceAdd: z.object({ silences: z.array(silence), completeFor: z.string().optional() }),
  silenceRemove: z.object({ ids: z.array(z.string()) }),
  catalog: z.object({ catalog: z.object({ atMs: z.number(), origin: z.string(), body: z.string() }) }),
};

/** The bytes of a record. */
export function encodeRecord({ run, sentMs, record }: Envelope): Buffer {
  const { kind, ...body } = record.kind === "beats" ? { kind: record.kind, ...packed(record.beats) } : record;
  return Buffer.from(JSON.stringify({ v: VERSION, kind, run, sent_ms: Math.floor(sentMs), ...body }));
}

/** Reads a record; what cannot be used is told apart, and costs nothing else. */
export function decodeRecord(content: Uint8Array): Envelope | RecordFault {
  if (content.length > MAX_RECORD_BYTES) return "unreadable";
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(content.buffer, content.byteOffset, content.length).toString());
  } catch {
    return "unreadable";
  }
  const envelope = head.safeParse(value);
  if (!envelope.success) return "unreadable";
  const { v, kind, run, sent_ms: sentMs } = envelope.data;
  if (v !== VERSION) return "unknown";
  if (kind === "beats") {
    const beats = unpacked(value as Record<string, unknown>);
    return beats === undefined ? "unreadable" : { run, sentMs, record: { kind, beats } };
  }
  if (!isKind(kind)) return "unknown";
  const body = BODIES[kind].safeParse(value);
  return body.success ? { run, sentMs, record: { kind, ...body.data } as ClusterRecord } : "unreadable";
}

function isKind(kind: string): kind is keyof typeof BODIES {
  return Object.hasOwn(BODIES, kind);
}

/** A beat in a record: address, asset, places of version and app map among the texts, stamp, age, and the peer if known. */
type BeatRow = [
  ip: string,
  asset: string,
  version: number,
  apps: number,
  stampMs: number,
  ageMs: number,
  peer?: string,
];

/** Thousands of agents have the same few versions and app maps, so these are written once a record. */
function packed(beats: readonly SharedBeat[]): { texts: string[]; beats: BeatRow[] } {
  const texts = new Numbered();
  const rows = beats.map(({ ip, asset, version, apps, stampMs, ageMs, peer }): BeatRow => {
    const row: BeatRow = [ip, asset, texts.placeOf(version), texts.placeOf(apps), stampMs, ageMs];
    if (peer !== undefined) row.push(peer);
    return row;
  });
  return { texts: texts.takeNew(), beats: rows };
}

/** By hand, because there are thousands a second. */
function unpacked({ texts, beats }: Record<string, unknown>): SharedBeat[] | undefined {
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string") || !Array.isArray(beats)) {
    return undefined;
  }
  const found: SharedBeat[] = [];
  for (const row of beats) {
    if (!Array.isArray(row)) return undefined;
    const [ip, asset, versionPlace, appsPlace, stampMs, ageMs, peer]: unknown[] = row;
    const version: unknown = texts[Number(versionPlace)];
    const apps: unknown = texts[Number(appsPlace)];
    if (typeof ip !== "string" || typeof asset !== "string") return undefined;
    if (typeof version !== "string" || typeof apps !== "string") return undefined;
    if (!Number.isSafeInteger(stampMs) || !Number.isSafeInteger(ageMs)) return undefined;
    if (peer !== undefined && typeof peer !== "string") return undefined;
    found.push({ ip, asset, version, apps, stampMs: stampMs as number, ageMs: ageMs as number, peer });
  }
  return found;
}
