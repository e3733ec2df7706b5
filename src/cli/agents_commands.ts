import type { Command, Operand, Option } from "./command.ts";
import { DEFAULT_LIMIT, JSON_OPTION, YES_OPTION } from "./common_options.ts";

const SORT_KEYS = ["ip", "asset", "version", "state", "last_hb_time", "since", "silent"];

const TEXT: Operand = { name: "TEXT", isOptional: true };
const IP: Operand = { name: "IP" };

/** Which agents; each is a parameter of the API too. */
const FILTERS: readonly Option[] = [
  {
    name: "state",
    value: "STATE",
    words: ["online", "suspect", "offline", "live", "all"],
    doc: "online, suspect (overdue, but held back), offline, live (online and suspect) or all (the default)",
  },
  { name: "q", value: "TEXT", doc: "with TEXT in the address or the asset name; the same as TEXT alone" },
  { name: "cidr", value: "RANGE,...", doc: "in these address ranges, such as 10.0.0.0/8" },
  { name: "asset", value: "NAME", doc: "with exactly this asset name" },
  { name: "app", value: "APP[@VERSION]", doc: "that have this app installed" },
  { name: "version", value: "VERSION", doc: "that are of this version themselves" },
  { name: "silent-for", value: "DURATION", doc: "that have not beaten for as long, such as 30s, 10m or 7d" },
  { name: "silenced", value: "YESNO", words: ["true", "false"], doc: "true: under a silence; false: under none" },
  {
    name: "sort",
    value: "KEY",
    words: SORT_KEYS.flatMap((key) => [key, `-${key}`]),
    doc: `${SORT_KEYS.join(", ")}; - in front for descending order (default: ip)`,
  },
];

/** What is about single agents and lists of them. */
export const AGENT_COMMANDS: readonly Command[] = [
  {
    name: "agents list",
    summary: "the agents of the fleet, all or some",
    operands: [TEXT],
    options: [
      ...FILTERS,
      { name: "limit", value: "N", doc: `how many are shown, 0 for all (default ${DEFAULT_LIMIT}; with --json all)` },
      { name: "json", doc: 'print {"total": n, "agents": [...]}, for scripts' },
    ],
    examples: [
      ["agents list --state offline --sort -silent", "who is gone, the longest first"],
      ["agents list web- --cidr 10.1.0.0/16", "with web- in the name, in one network"],
      ["agents list --app cron@2.1.0 --json", "who has that version of the app, for a script"],
    ],
    load: async () => (await import("./agents_list.ts")).listAgents,
  },
  {
    name: "agents show",
    summary: "everything about one agent, and what happened to it last",
    operands: [IP],
    options: [JSON_OPTION],
    load: async () => (await import("./agents.ts")).showAgent,
  },
  {
    name: "agents watch",
    summary: "the list of agents, redrawn every second until Ctrl-C",
    about: "Where the output is no terminal, prints a line for each agent whose state changes instead.",
    operands: [TEXT],
    options: FILTERS,
    examples: [["agents watch --state offline --sort -since", "who went last"]],
    load: async () => (await import("./agents_watch.ts")).watchAgents,
  },
  {
    name: "agents forget",
    summary: "remove agents from the fleet; a later beat makes them new",
    operands: [{ ...IP, isRepeated: true }],
    options: [YES_OPTION],
    load: async () => (await import("./agents.ts")).forgetAgents,
  },
  {
    name: "agents prune",
    summary: "forget agents that have been offline for long",
    options: [
      { name: "older-than", value: "DURATION", doc: "offline for at least as long, such as 24h or 7d; required" },
      YES_OPTION,
    ],
    examples: [["agents prune --older-than 7d", "forget who has been offline for a week"]],
    load: async () => (await import("./agents.ts")).pruneAgents,
  },
];
