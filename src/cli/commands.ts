import { EVENT_KINDS } from "../fleet/events.ts";
import { AGENT_COMMANDS } from "./agents_commands.ts";
import { APP_COMMANDS } from "./apps_commands.ts";
import type { Command } from "./command.ts";
import { JSON_OPTION, YES_OPTION } from "./common_options.ts";

const SERVICE_COMMANDS: readonly Command[] = [
  {
    name: "run",
    summary: "serve until SIGTERM (the default command)",
    about: "SIGHUP makes it read its configuration again. Under systemd, the unit runs it.",
    examples: [["run --config /etc/elves/heartbeat.properties", "serve with a configuration of your own"]],
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "check",
    summary: "read the configuration and try everything that it names; starts nothing",
    about: "Tells every fault at once, with key and line; tries RabbitMQ, ZooKeeper, both ports and the data folder; " +
      "where the service runs, tells whether it is ready.",
    load: async () => (await import("./check.ts")).check,
  },
  {
    name: "status",
    summary: "the service and its fleet at a glance",
    about: "Ends with 1 when the service does not run or one of its parts is at fault.",
    options: [JSON_OPTION],
    load: async () => (await import("./status.ts")).status,
  },
];

const EVENT_COMMANDS: readonly Command[] = [
  {
    name: "events",
    summary: "what happened last, the newest at the bottom",
    options: [
      { name: "follow", doc: "go on with what happens from now on, until Ctrl-C" },
      { name: "ip", value: "IP", doc: "about this agent only" },
      {
        name: "kind",
        value: "KIND,...",
        words: EVENT_KINDS,
        isList: true,
        doc: `of these kinds only: ${EVENT_KINDS.join(", ")}`,
      },
      { name: "limit", value: "N", doc: "how many of the past (default 20, at most 1000)" },
      { name: "json", doc: "print JSON, for scripts; with --follow one object a line" },
    ],
    examples: [
      ["events --follow", "watch the fleet come and go"],
      ["events --ip 10.0.0.1 --limit 100", "what became of one agent"],
      ["events --kind audit", "who changed what by hand"],
    ],
    load: async () => (await import("./events.ts")).events,
  },
];

const SILENCE_COMMANDS: readonly Command[] = [
  {
    name: "silence add",
    summary: "tell nobody about some agents for a while, as for maintenance",
    about: "At least one of --cidr and --asset, exactly one of --for and --until.",
    options: [
      { name: "cidr", value: "RANGE,...", doc: "agents in these address ranges" },
      { name: "asset", value: "PATTERN", doc: "agents whose asset name matches; * and ? stand for anything" },
      { name: "for", value: "DURATION", doc: "how long, such as 30m, 2h or 1d" },
      { name: "until", value: "TIME", doc: "until when, such as 2030-01-31T06:00:00Z" },
      { name: "reason", value: "TEXT", doc: "why, at most 200 characters" },
      JSON_OPTION,
    ],
    examples: [['silence add --cidr 10.1.0.0/16 --for 2h --reason "new switches"', ""]],
    load: async () => (await import("./silences.ts")).add,
  },
  {
    name: "silence list",
    summary: "the silences in force, the soonest end first",
    options: [JSON_OPTION],
    load: async () => (await import("./silences.ts")).list,
  },
  {
    name: "silence remove",
    summary: "end silences before their time",
    operands: [{ name: "ID", isRepeated: true }],
    load: async () => (await import("./silences.ts")).remove,
  },
];

const OTHER_COMMANDS: readonly Command[] = [
  {
    name: "guard release",
    summary: "end the guard that holds overdue agents back from being called offline",
    about: "For when the loss of many agents at once is real.",
    options: [YES_OPTION],
    load: async () => (await import("./guard.ts")).release,
  },
  {
    name: "backup",
    summary: "copy the live data of the service into a file",
    operands: [{ name: "FILE", isFile: true }],
    options: [{ name: "force", doc: "replace FILE when it is there already" }],
    examples: [["backup /var/backups/heartbeat.db", ""]],
    load: async () => (await import("./backup.ts")).backup,
  },
  {
    name: "version",
    summary: "version, build and runtime",
    load: async () => (await import("./version.ts")).version,
  },
  {
    name: "help",
    summary: "this overview, or what one command does",
    operands: [{ name: "COMMAND", isOptional: true, isRepeated: true }],
    load: async () => (await import("./help.ts")).help,
  },
  {
    name: "completion",
    summary: "print a script that completes command lines in a shell",
    operands: [{ name: "SHELL", words: ["bash"] }],
    about: 'For yourself, put into ~/.bashrc: eval "$(/opt/elves/elves-heartbeat/elves-heartbeat completion bash)"',
    examples: [["completion bash > /etc/bash_completion.d/elves-heartbeat", "for everybody, from the next login on"]],
    load: async () => (await import("./completion.ts")).completion,
  },
];

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...SERVICE_COMMANDS,
  ...AGENT_COMMANDS,
  ...APP_COMMANDS,
  ...EVENT_COMMANDS,
  ...SILENCE_COMMANDS,
  ...OTHER_COMMANDS,
];
