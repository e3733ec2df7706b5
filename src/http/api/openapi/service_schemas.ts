import { NAMED_ADDRESSES } from "../catalog_pairs.ts";
import {
  amount,
  count,
  epochMs,
  list,
  object,
  orNull,
  type Properties,
  ref,
  type Schema,
  text,
  time,
  truth,
  word,
} from "./schema.ts";

const MQ: Properties = {
  state: word("RabbitMQ connection; waiting: there is one, but the queue of calls cannot be reached.", [
    "connecting",
    "up",
    "waiting",
    "down",
  ]),
  since: time("Since when"),
  fault: orNull(text("What went wrong.")),
};

const ZOOKEEPER: Properties = {
  state: word("Registration.", ["disabled", "off", "down", "registered"]),
  since: orNull(time("Since when")),
  path: orNull(text("The node under which it is registered.")),
  fault: orNull(text("What went wrong last.")),
};

const STORE: Properties = {
  state: word("Whether changes reach the disk.", ["ok", "failing", "off"]),
  since: time("Since when"),
  fault: orNull(text("What went wrong.")),
  lag_seconds: amount("How long the oldest change waits for the disk."),
  queued: count("How many changes wait."),
};

const SOURCE = word("Where the catalog comes from.", ["local", "supervisor"]);
const KNOWN = truth("Whether one is known; without, agents get exceptions and keep their apps.");
const AGE = orNull(amount("Seconds since then."));

const OK = truth("Whether it works.");

const SUMMARY: Properties = {
  instance: text("Name of this instance: host and beat port."),
  version: text("Version of elves-heartbeat."),
  commit: text("The commit it was built from."),
  deno: text("Version of its runtime, Deno."),
  runtime: text("Where its runtime comes from."),
  started_at: time("Start of the process"),
  now: time("The server's clock"),
  now_ms: epochMs("The same"),
  agents: object({
    online: count("Agents that beat."),
    suspect: count("Overdue agents that are not called offline yet."),
    offline: count("Agents whose timeout has passed."),
    total: count("All agents."),
    silenced: count("Agents in a maintenance window."),
    flapping: count("Agents that come and go."),
  }),
  beats: object({ total: count("Since the start."), per_second: amount("Over the last ten seconds.") }),
  timeout_seconds: amount("agent.timeout."),
  beat_interval_seconds: orNull(amount("Mean time between two beats of an agent.")),
  warming: truth("Whether agents may not have had the chance to beat since an empty start."),
  grace_until: orNull(time("Until when nobody is called offline")),
  guard: object({
    on: truth("Whether overdue agents are held, because too many are silent at once."),
    since: orNull(time("Since when")),
    silent: count("Agents that are silent for half the timeout or longer, without silenced ones."),
    agents: count("Of how many, as the guard counts: online or suspect, without silenced ones."),
    held: count("Agents that are held."),
    ends_by: orNull(time("When it ends at the latest")),
  }),
  catalog: object({
    source: SOURCE,
    known: KNOWN,
    apps: count("Apps in it."),
    agents: count("Agents named in it."),
    confirmed_at: orNull(time("When supervisor said it last")),
    age_seconds: AGE,
    held: orNull(ref("HeldCatalog")),
  }),
  mq: object(MQ),
  zookeeper: object(ZOOKEEPER),
  store: object(STORE),
  events: object({
    sinks: list(object({
      name: word("Where events are told: on RabbitMQ, or to the webhook.", ["mq", "webhook"]),
      queued: count("Events that wait."),
      oldest_at_ms: orNull(epochMs("When the oldest of them happened")),
      delivered: count("Events that were told."),
      messages: count("Messages in which they were told."),
      retries: count("Tries that failed and were repeated."),
      dropped: object({
        overflow: count("Events that were given up, because too many waited."),
        refused: count("Events that the other side will never take."),
      }),
    })),
  }),
  cluster: {
    oneOf: [
      object({ enabled: { const: false } }),
      object({
        enabled: { const: true },
        caught_up: truth("Whether everything that the others know is known here."),
        settled: truth("Whether agents are called offline when they are due."),
        leader: orNull(text("The instance that tells events.")),
        leading: truth("Whether this one does."),
        lag_seconds: amount("How long a record takes through RabbitMQ."),
        catalog: orNull(text("Digest of the catalog in force here.")),
        members: list(object({
          instance: text("Its name."),
          version: text("Of the program."),
          skew_seconds: orNull({
            type: "number",
            description: "By how much this machine's clock is ahead of its clock.",
          }),
          seen_seconds: amount("How long ago it was heard of."),
          catalog: orNull(text("Digest of its catalog.")),
        })),
        catalog_mismatch: truth("Whether another instance has had another catalog for more than 5 s."),
        pending_events: count("Events that wait for the leader to tell them."),
        record_faults: count("Records that could not be used."),
      }),
    ],
  },
  silences: count("Maintenance windows."),
  stream_clients: count("Readers of the live stream."),
};

/** A value for each point in time, null where nothing is known. */
function series(description: string): Schema {
  return list({ type: ["number", "null"], minimum: 0 }, { description });
}

const ADDRESSES = list({ type: "string" }, { maxItems: NAMED_ADDRESSES });

/** Problems, the state of the service, catalogs, and what mutations answer. */
export const SERVICE_SCHEMAS: Properties = {
  Problem: object({
    type: { const: "about:blank" },
    title: text("What the status means."),
    status: { type: "integer", minimum: 400, maximum: 599, description: "The HTTP status." },
    detail: text("What was required and what came."),
    field: text("The parameter or field that is wrong."),
  }, { optional: ["field"], description: "An error (RFC 9457)." }),
  Summary: object(SUMMARY),
  Alive: object({ status: { const: "ok" } }),
  Readiness: object({
    ready: truth("Whether beats are served, RabbitMQ is up, and in a cluster what the others know is known here."),
    warming: SUMMARY.warming ?? {},
    beats: object({ ok: OK }),
    mq: object({ ok: OK, ...MQ }),
    zookeeper: object({ ok: OK, ...ZOOKEEPER }),
    store: object({ ok: OK, ...STORE }),
    catalog: object({ ok: OK, source: SOURCE, known: KNOWN, age_seconds: AGE }),
    cluster: object({ ok: OK, enabled: truth("Whether several instances form one fleet view.") }),
  }),
  BeatReadiness: object({ ready: OK, beats: object({ ok: OK }) }),
  History: object({
    step_seconds: amount("How far apart the points are."),
    at_ms: list({ type: "integer" }, { description: "When each point begins (ms since the epoch), the oldest first." }),
    online: series("Agents that were online, at each point."),
    suspect: series("Agents that were suspect."),
    offline: series("Agents that were offline."),
    beats_per_second: series("Beats."),
  }),
  HeldCatalog: object({
    at: time("Since when it is held"),
    at_ms: epochMs("The same; names it when it is accepted"),
    reason: text("Why it is held."),
    apps: count("Apps in it."),
    agents: count("Agents named in it."),
  }),
  CatalogList: object({
    held: orNull(ref("HeldCatalog")),
    catalogs: list(
      object({
        id: count("Its number."),
        taken_at: time("When it was said last"),
        taken_at_ms: epochMs("The same"),
        source: SOURCE,
        origin: text("How it came."),
        apps: orNull(count("Apps in it; null when what is stored is not readable.")),
        agents: orNull(count("Agents named in it; null likewise.")),
        current: truth("Whether it is in force."),
      }),
      { description: "The newest first." },
    ),
  }),
  Catalog: object({
    result: list(object({
      app: text("Name of the app."),
      version: text("Its version."),
      agentList: list({ type: "string" }, { description: "Agents that may run it." }),
    })),
  }, { description: "In the form of updateAppInfo." }),
  CatalogDiff: object({
    changes: list(object({
      app: text("Name of the app."),
      version: text("Its version."),
      added: { ...ADDRESSES, description: "Some of the agents that may run it with `to` only." },
      added_count: count("How many they are."),
      removed: { ...ADDRESSES, description: "Some of the agents that may run it with `from` only." },
      removed_count: count("How many they are."),
    })),
  }),
  AcceptCatalog: object({ at_ms: epochMs("The held catalog's `at_ms`, so that it is the one that was looked at") }),
  CatalogResult: object({
    result: word("`unchanged`: it says what was in force already.", ["applied", "unchanged"]),
  }),
  GuardReleased: object({ released: { const: true } }),
};
