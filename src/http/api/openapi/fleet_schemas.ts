import { MAX_REASON_LENGTH } from "../../../fleet/silence.ts";
import { MAX_SIZE } from "../parameters.ts";
import { count, epochMs, list, object, orNull, type Properties, ref, text, time, truth, word } from "./schema.ts";

const AGENT: Properties = {
  ip: text("Address, in canonical form; one agent, one address."),
  asset: text("Asset name; may be empty."),
  last_hb_time: text("Last beat, `yyyy-MM-dd HH:mm:ss` in the server's time zone.", {
    pattern: "^\\d{4,}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d$",
  }),
  apps: {
    type: "object",
    additionalProperties: { type: "string" },
    description: "What it has installed, app to version.",
  },
  state: word("`suspect`: overdue, but the fault may be on our side, so that it is not called offline yet.", [
    "online",
    "suspect",
    "offline",
  ]),
  since: time("When it came online or went offline"),
  version: text("Version of the agent itself."),
  silent_seconds: count("Seconds since its last beat."),
  last_hb_ms: epochMs("Last beat"),
  apps_fault: text("What is wrong with the app map that it sends."),
  apps_raw: text("That app map as it came."),
  peer: text("The address from which it beats, where it claims another one."),
  duplicate: object({
    reason: word("What two machines seem to share.", ["asset", "address"]),
    at: time("When that was last seen"),
  }),
  silenced: { const: true, description: "It is in a maintenance window." },
  flapping: { const: true, description: "It comes and goes so often that no events are told about it." },
};

const ODD = ["apps_fault", "apps_raw", "peer", "duplicate", "silenced", "flapping"];

const PAGE: Properties = {
  total: count("How many there are on all pages."),
  page: { type: "integer", minimum: 1, description: "This page, from 1." },
  size: { type: "integer", minimum: 1, maximum: MAX_SIZE, description: "The most rows of a page." },
};

const FIGURES: Properties = {
  wanted: count("Agents that shall run it."),
  matching: count("Of those, the ones that say they have it."),
  missing: count("Of those, the ones that do not."),
  unwanted: count("Agents that say they have it and shall not run it; 0 while no catalog is known."),
};

/** Agents, roll-out and silences. */
export const FLEET_SCHEMAS: Properties = {
  Agent: object(AGENT, { optional: ODD }),
  AgentDetail: object({
    ...AGENT,
    wanted: orNull({
      type: "object",
      additionalProperties: { type: "string" },
      description: "What it may run, app to version; null while no catalog is known.",
    }),
    silence: orNull(ref("Silence")),
  }, { optional: ODD }),
  AgentPage: object({
    ...PAGE,
    page: orNull({ ...PAGE.page, description: "This page, from 1; null with `after`." }),
    next: orNull(text("For the next `after`; null at the end, and where the list is not sorted by `ip`.")),
    agents: list(ref("Agent")),
  }),
  Prune: object({
    offline_for: {
      type: ["string", "integer"],
      description: "For how long they have been offline at least: `24h`, `30m`, or ms.",
      examples: ["24h"],
    },
  }),
  Pruned: object({ forgotten: count("How many agents were forgotten.") }),
  Rollout: object({
    source: word("Where the catalog comes from.", ["local", "supervisor"]),
    known: truth("Whether a catalog is known; without one nothing is wanted."),
    agents: count("How many agents were counted."),
    unseen: count("Addresses that the catalog names and no agent has; not counted as wanted."),
    unlisted: count("Installations left out, because there are too many different ones that no agent shall run."),
    apps: list(ref("AppRollout"), { description: "By name." }),
  }),
  AppRollout: object({
    app: text("Name of the app."),
    ...FIGURES,
    versions: list(
      object({
        version: text("Version of the app."),
        ...FIGURES,
        installed: count("All agents that say they have it."),
      }),
      { description: "By the numbers in them. The app's figures are the sums of theirs." },
    ),
  }),
  AppPage: object({
    ...PAGE,
    agents: list(object({
      ip: AGENT.ip ?? {},
      asset: AGENT.asset ?? {},
      state: AGENT.state ?? {},
      wanted: orNull(text("The version that it shall run.")),
      installed: orNull(text("The version that it says it has.")),
      silenced: AGENT.silenced ?? {},
    }, { optional: ["silenced"] })),
  }),
  Silence: object({
    id: text("What it is ended by."),
    cidr: orNull(text("The address ranges that it is about.")),
    asset: orNull(text("The pattern of asset names that it is about.")),
    reason: text("For people; may be empty."),
    by: text("Who began it: the name of a token, or `local`."),
    created_at: time("When it began"),
    until: time("When it ends"),
    until_ms: epochMs("The same"),
    agents: count("How many agents it silences; one in several silences counts for the one that ends last."),
  }, { description: "A maintenance window: nothing is told about its agents, and the guard does not count them." }),
  SilenceList: object({ silences: list(ref("Silence"), { description: "The soonest end first." }) }),
  NewSilence: object({
    cidr: text("Address ranges, separated by commas.", { examples: ["10.0.0.0/8"] }),
    asset: text("Pattern of asset names: `*` any text, `?` any character.", { examples: ["web-*"] }),
    for: {
      type: ["string", "integer"],
      description: "How long, 366d at most: `2h`, `30m`, or ms. Either this or `until`.",
      examples: ["2h"],
    },
    until: text("Until when, with the zone. Either this or `for`.", { format: "date-time" }),
    reason: text("For people.", { maxLength: MAX_REASON_LENGTH }),
  }, {
    optional: ["cidr", "asset", "for", "until", "reason"],
    description: "With both `cidr` and `asset`, both must match.",
    anyOf: [{ required: ["cidr"] }, { required: ["asset"] }],
    oneOf: [{ required: ["for"] }, { required: ["until"] }],
  }),
};
