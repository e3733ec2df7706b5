import type { EventKind } from "../../../fleet/events.ts";
import type { AuditAction } from "../../../operations.ts";
import { count, epochMs, list, object, orNull, type Properties, ref, type Schema, text, time, word } from "./schema.ts";

const COMMON: Properties = {
  id: text("The same at every repetition."),
  ip: text("The agent that it is about."),
  asset: text("Its asset name."),
  at: time("When it happened"),
  at_ms: epochMs("The same"),
  since: time("When the state before had begun"),
  last_hb_time: text("The agent's last beat before it, in the server's time zone."),
  last_hb_ms: epochMs("The same"),
  away_seconds: count("Seconds since that beat."),
};

/** What is there in every event. */
const ALWAYS = ["id", "at", "at_ms"];

const CATALOG: Properties = {
  apps: count("Apps in the catalog."),
  agents: count("Agents in the catalog."),
  origin: text("How the catalog came."),
};

const GUARD: Properties = { agents: count("Agents that are online or suspect.") };

const AUDIT_ACTIONS: Readonly<Record<AuditAction, string>> = {
  forget: "an agent was forgotten",
  prune: "agents that were offline for long were forgotten",
  guardRelease: "the guard was ended",
  catalogAccept: "the held catalog was put in force",
  catalogRollback: "a catalog of the history was put in force",
  silenceAdd: "a maintenance window began",
  silenceRemove: "a maintenance window was ended",
  reload: "the configuration was read again",
  backup: "the store was copied",
};

/** What only this kind has to tell; a name in `optional` is not always there. */
const KINDS: Readonly<Record<EventKind, { properties: Properties; optional?: readonly string[]; about: string }>> = {
  agentOnline: {
    about: "An agent is new or came back.",
    properties: { first: { const: true, description: "It is new." } },
    optional: ["first"],
  },
  agentOffline: {
    about: "An agent's timeout has passed.",
    properties: { first: { const: true, description: "It was new, too, in a silence that is over." } },
    optional: ["first"],
  },
  agentFlapping: { about: "An agent comes and goes; no more is told until it is stable.", properties: {} },
  agentForgotten: {
    about: "An agent's row was removed.",
    properties: { reason: word("Why.", ["retention", "hand", "evicted"]) },
  },
  versionChanged: {
    about: "An agent says that it has another version itself.",
    properties: { from: text("The version before."), to: text("The version now.") },
  },
  duplicateIdentity: {
    about: "Two machines seem to share one address.",
    properties: {
      reason: word("What changes in turn.", ["asset", "address"]),
      assets: list(text("One of the two asset names.")),
    },
    optional: ["assets"],
  },
  guardOn: {
    about: "Too many agents are silent at once, so none is called offline.",
    properties: { silent: count("Agents that are silent."), ...GUARD },
  },
  guardOff: {
    about: "That is over.",
    properties: {
      reason: word("Why.", ["recovered", "maxHold", "released"]),
      held: count("Agents that are still silent."),
      held_seconds: count("How long it held."),
      ...GUARD,
    },
  },
  catalogChanged: {
    about: "Another catalog is in force.",
    properties: { ...CATALOG, changed: count("Agents that have something else now.") },
  },
  catalogHeld: {
    about: "A catalog is held back until somebody decides.",
    properties: { ...CATALOG, reason: text("Why.") },
  },
  audit: {
    about: "Somebody did something by hand. Not told to modules.",
    properties: {
      action: word(listed(AUDIT_ACTIONS), Object.keys(AUDIT_ACTIONS)),
      who: text("The name of a token, or `local`."),
      what: text("What it was done to."),
      result: text("What came of it."),
    },
  },
};

/** The schemas of events: one for each kind, so that each may have its own members. */
export function eventSchemas(): Record<string, Schema> {
  const schemas = Object.entries(KINDS).map(([kind, { properties, optional = [], about }]) => {
    const all = { kind: { const: kind, description: about }, ...COMMON, ...properties };
    const sometimes = Object.keys(COMMON).filter((name) => !ALWAYS.includes(name));
    return [schemaName(kind), object(all, { optional: [...sometimes, ...optional], description: about })] as const;
  });
  return {
    ...Object.fromEntries(schemas),
    Event: {
      description: "Something that happened; members that mean nothing for a kind are not there.",
      oneOf: schemas.map(([name]) => ref(name)),
      discriminator: {
        propertyName: "kind",
        mapping: Object.fromEntries(
          Object.keys(KINDS).map((kind) => [kind, `#/components/schemas/${schemaName(kind)}`]),
        ),
      },
    },
    EventPage: object({
      events: list(ref("Event"), { description: "The newest first." }),
      next: orNull(text("For the next `before`; null at the end.")),
    }),
  };
}

function schemaName(kind: string): string {
  return `Event${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
}

function listed(words: Readonly<Record<string, string>>): string {
  return `${Object.entries(words).map(([each, meaning]) => `\`${each}\`: ${meaning}`).join("; ")}.`;
}
