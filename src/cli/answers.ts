import { z } from "zod";

// The parts of the service's answers that commands read. What else is in them is for --json, which passes all on.

const time = z.string();
const held = z.object({ at: time, at_ms: z.number(), reason: z.string(), apps: z.number(), agents: z.number() });

/** `/api/v1/summary`. */
export const SUMMARY = z.object({
  instance: z.string(),
  version: z.string(),
  commit: z.string(),
  started_at: time,
  now_ms: z.number(),
  agents: z.object({
    online: z.number(),
    suspect: z.number(),
    offline: z.number(),
    total: z.number(),
    silenced: z.number(),
    flapping: z.number(),
  }),
  beats: z.object({ total: z.number(), per_second: z.number() }),
  timeout_seconds: z.number(),
  beat_interval_seconds: z.number().nullable(),
  warming: z.boolean(),
  grace_until: time.nullable(),
  guard: z.object({
    on: z.boolean(),
    since: time.nullable(),
    silent: z.number(),
    agents: z.number(),
    held: z.number(),
    ends_by: time.nullable(),
  }),
  catalog: z.object({
    source: z.string(),
    known: z.boolean(),
    apps: z.number(),
    agents: z.number(),
    age_seconds: z.number().nullable(),
    held: held.nullable(),
  }),
  mq: z.object({ state: z.string(), since: time, fault: z.string().nullable() }),
  zookeeper: z.object({
    state: z.string(),
    since: time.nullable(),
    path: z.string().nullable(),
    fault: z.string().nullable(),
  }),
  store: z.object({
    state: z.string(),
    since: time,
    fault: z.string().nullable(),
    lag_seconds: z.number(),
    queued: z.number(),
  }),
  events: z.object({
    sinks: z.array(z.object({
      name: z.string(),
      queued: z.number(),
      delivered: z.number(),
      dropped: z.record(z.string(), z.number()),
    })),
  }),
  cluster: z.discriminatedUnion("enabled", [
    z.object({ enabled: z.literal(false) }),
    z.object({
      enabled: z.literal(true),
      caught_up: z.boolean(),
      settled: z.boolean(),
      leader: z.string().nullable(),
      lag_seconds: z.number(),
      catalog: z.string().nullable(),
      members: z.array(z.object({
        instance: z.string(),
        version: z.string(),
        skew_seconds: z.number().nullable(),
        seen_seconds: z.number(),
        catalog: z.string().nullable(),
      })),
      catalog_mismatch: z.boolean(),
      pending_events: z.number(),
    }),
  ]),
  silences: z.number(),
});
export type Summary = z.infer<typeof SUMMARY>;

/** One agent of `/api/v1/agents`. */
export const AGENT = z.looseObject({
  ip: z.string(),
  asset: z.string(),
  state: z.string(),
  since: time,
  version: z.string(),
  silent_seconds: z.number(),
  last_hb_time: z.string(),
  apps: z.record(z.string(), z.unknown()),
  apps_fault: z.string().optional(),
  peer: z.string().optional(),
  duplicate: z.object({ reason: z.string(), at: time }).optional(),
  silenced: z.boolean().optional(),
  flapping: z.boolean().optional(),
});
export type AgentRow = z.infer<typeof AGENT>;

/** A page of `/api/v1/agents`. */
export const AGENTS = z.object({ total: z.number(), next: z.string().nullable(), agents: z.array(AGENT) });

/** One of `/api/v1/silences`. */
export const SILENCE = z.object({
  id: z.string(),
  cidr: z.string().nullable(),
  asset: z.string().nullable(),
  reason: z.string(),
  by: z.string(),
  until: time,
  agents: z.number(),
});
export type Silence = z.infer<typeof SILENCE>;

/** `/api/v1/agents/{ip}`. */
export const AGENT_DETAIL = AGENT.extend({
  wanted: z.record(z.string(), z.string()).nullable(),
  silence: SILENCE.nullable(),
});

/** One of `/api/v1/events`, and of the stream. */
export const EVENT = z.looseObject({
  kind: z.string(),
  id: z.string(),
  ip: z.string().optional(),
  asset: z.string().optional(),
  at: time,
});
export type Event = z.infer<typeof EVENT>;

/** `/api/v1/apps`. */
export const APPS = z.object({
  source: z.string(),
  known: z.boolean(),
  agents: z.number(),
  apps: z.array(z.object({
    app: z.string(),
    versions: z.array(z.object({
      version: z.string(),
      wanted: z.number(),
      matching: z.number(),
      missing: z.number(),
      installed: z.number(),
      unwanted: z.number(),
    })),
  })),
});

/** A page of `/api/v1/apps/{app}`. */
export const APP = z.object({
  total: z.number(),
  agents: z.array(z.object({
    ip: z.string(),
    asset: z.string(),
    state: z.string(),
    wanted: z.string().nullable(),
    installed: z.string().nullable(),
    silenced: z.boolean().optional(),
  })),
});

/** `/api/v1/catalogs`. */
export const CATALOGS = z.object({
  held: held.nullable(),
  catalogs: z.array(z.object({
    id: z.union([z.number(), z.string()]),
    taken_at: time,
    source: z.string(),
    origin: z.string().nullable(),
    // Null where what is stored cannot be read.
    apps: z.number().nullable(),
    agents: z.number().nullable(),
    current: z.boolean(),
  })),
});

/** `/api/v1/catalogs/diff`. */
export const DIFF = z.object({
  changes: z.array(z.object({
    app: z.string(),
    version: z.string(),
    added: z.array(z.string()),
    added_count: z.number(),
    removed: z.array(z.string()),
    removed_count: z.number(),
  })),
});

const part = z.object({ ok: z.boolean(), fault: z.string().nullish() });

/** `/readyz`. */
export const READINESS = z.object({
  ready: z.boolean(),
  warming: z.boolean(),
  beats: part,
  mq: part,
  zookeeper: part,
  store: part,
  catalog: part,
});
