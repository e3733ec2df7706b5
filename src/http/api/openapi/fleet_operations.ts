import { SORT_KEYS } from "../../../fleet/order.ts";
import { SORTS } from "../agents.ts";
import { STATUSES } from "../apps.ts";
import { DEFAULT_SIZE, MAX_SIZE, MAX_TEXT_LENGTH, STATES, type StateWord } from "../parameters.ts";
import { answer, DONE, inPath, type Operation, query } from "./operation.ts";
import type { Schema } from "./schema.ts";

const TEXT: Schema = { type: "string", maxLength: MAX_TEXT_LENGTH };
const DURATION: Schema = { type: "string", pattern: "^\\d{1,12} *(ms|s|m|h|d)?$", examples: ["10m"] };

const IP = inPath("ip", "Address of the agent.");
const UNKNOWN_AGENT = "There is no such agent.";

const PAGING = [
  query("page", "Which page, from 1.", { type: "integer", minimum: 1, default: 1 }),
  query("size", "How many rows a page has.", { type: "integer", minimum: 1, maximum: MAX_SIZE, default: DEFAULT_SIZE }),
];

function state(byDefault: StateWord) {
  return query("state", "Agents in these states; `live` is online and suspect.", {
    type: "string",
    enum: Object.keys(STATES),
    default: byDefault,
  });
}

/** Agents, roll-out, silences and the guard. */
export const FLEET_OPERATIONS: readonly Operation[] = [
  {
    ...{ method: "GET", path: "/api/v1/agents", id: "listAgents", tag: "agents" },
    summary: "The agents that match every condition",
    description: "The order is total: agents that are equal in it are in the order of their addresses. " +
      "For all rows of a changing fleet, go by `after`.",
    parameters: [
      state("all"),
      query("q", "Part of the address or of the asset name, in upper or lower case.", TEXT),
      query("cidr", "Within one of these address ranges, separated by commas.", { ...TEXT, examples: ["10.0.0.0/8"] }),
      query("asset", "With exactly this asset name.", TEXT),
      query("app", "That have this app installed, `name` or `name@version`.", TEXT),
      query("version", "With this version of the agent itself.", TEXT),
      query("silentFor", "Without a beat for at least this long.", DURATION),
      query("silenced", "In a maintenance window or not.", { type: "boolean" }),
      query("sort", `By \`ip\` or one of ${SORT_KEYS.join(", ")}; \`-\` in front: descending.`, {
        type: "string",
        enum: SORTS,
        default: "ip",
      }),
      ...PAGING,
      query("after", "Rows behind this address, in the order of addresses; not with `page` or `sort`.", {
        type: "string",
      }),
    ],
    answers: { 200: answer("AgentPage", "One page.") },
  },
  {
    ...{ method: "POST", path: "/api/v1/agents/prune", id: "pruneAgents", tag: "agents" },
    summary: "Forget agents that have been offline for long",
    body: "Prune",
    answers: { 200: answer("Pruned", "Done.") },
  },
  {
    ...{ method: "GET", path: "/api/v1/agents/{ip}", id: "getAgent", tag: "agents" },
    summary: "One agent, what it may run, and the maintenance window that it is in",
    parameters: [IP],
    answers: { 200: answer("AgentDetail", "The agent.") },
    problems: { 404: UNKNOWN_AGENT },
  },
  {
    ...{ method: "DELETE", path: "/api/v1/agents/{ip}", id: "forgetAgent", tag: "agents" },
    summary: "Forget an agent; a later beat makes it new",
    parameters: [IP],
    answers: { 204: DONE },
    problems: { 404: UNKNOWN_AGENT },
  },
  {
    ...{ method: "GET", path: "/api/v1/apps", id: "getRollout", tag: "apps" },
    summary: "What agents shall run against what they have, by app and version",
    description:
      "Up to 2 s old. An agent with another version than it shall run is `missing` for the one and `unwanted` " +
      "for the other. An agent whose app map cannot be read has nothing.",
    parameters: [state("live")],
    answers: { 200: answer("Rollout", "The roll-out of every app.") },
  },
  {
    ...{ method: "GET", path: "/api/v1/apps/{app}", id: "listAgentsOfApp", tag: "apps" },
    summary: "The agents that shall run an app or have it",
    description: "Up to 2 s old; by address. An app that nobody knows has no agents.",
    parameters: [
      inPath("app", "Name of the app."),
      query("version", "Only about this version.", TEXT),
      query("status", "What the agents are with respect to the app.", {
        type: "string",
        enum: STATUSES,
        default: "all",
      }),
      state("live"),
      query("q", "Part of the address or of the asset name, in upper or lower case.", TEXT),
      ...PAGING,
    ],
    answers: { 200: answer("AppPage", "One page.") },
  },
  {
    ...{ method: "GET", path: "/api/v1/silences", id: "listSilences", tag: "silences" },
    summary: "The maintenance windows",
    answers: { 200: answer("SilenceList", "All that are active.") },
  },
  {
    ...{ method: "POST", path: "/api/v1/silences", id: "addSilence", tag: "silences" },
    summary: "Begin a maintenance window",
    body: "NewSilence",
    answers: { 201: answer("Silence", "It has begun.") },
    problems: { 409: "There are 1,000 already." },
  },
  {
    ...{ method: "DELETE", path: "/api/v1/silences/{id}", id: "removeSilence", tag: "silences" },
    summary: "End a maintenance window",
    parameters: [inPath("id", "The id of the silence.")],
    answers: { 204: DONE },
    problems: { 404: "There is no such silence." },
  },
  {
    ...{ method: "POST", path: "/api/v1/guard/release", id: "releaseGuard", tag: "guard" },
    summary: "End the guard; what is silent goes offline, a few agents a second",
    answers: { 200: answer("GuardReleased", "Done.") },
    problems: { 409: "The guard is not on." },
  },
];
