import type { Command, Operand } from "./command.ts";
import { JSON_OPTION, YES_OPTION } from "./common_options.ts";

const APP: Operand = { name: "APP" };

/** What is about apps and catalogs. */
export const APP_COMMANDS: readonly Command[] = [
  {
    name: "apps",
    summary: "how far each app version is rolled out",
    options: [
      {
        name: "state",
        value: "STATE",
        words: ["live", "online", "suspect", "offline", "all"],
        doc: "which agents count: live (online and suspect; the default), online, suspect, offline or all",
      },
      JSON_OPTION,
    ],
    examples: [["apps", "each app, wanted against installed"], ["apps show cron", "which agents miss the app cron"]],
    load: async () => (await import("./apps.ts")).apps,
  },
  {
    name: "apps show",
    summary: "who shall have an app, and who has it",
    operands: [APP],
    options: [
      {
        name: "status",
        value: "STATUS",
        words: ["missing", "matching", "unwanted", "all"],
        doc: "missing (shall have it, has it not), matching, unwanted (has it, shall not) or all (the default)",
      },
      { name: "version", value: "VERSION", doc: "about this version of the app only" },
      { name: "limit", value: "N", doc: "how many agents are shown (default 50, 0 for all)" },
      JSON_OPTION,
    ],
    examples: [["apps show cron --status missing", "who does not run the version of cron that it shall run"]],
    load: async () => (await import("./apps.ts")).showApp,
  },
  {
    name: "apps history",
    summary: "the catalogs of the past, newest first",
    options: [JSON_OPTION],
    load: async () => (await import("./catalogs.ts")).history,
  },
  {
    name: "apps diff",
    summary: "what differs between two catalogs",
    about: "A catalog is named by its number in `apps history`; TO may also be `current` (the default) or `held`. " +
      "Without FROM, shows what the held catalog would change.",
    operands: [{ name: "FROM", isOptional: true }, { name: "TO", isOptional: true }],
    options: [JSON_OPTION],
    examples: [["apps diff", "what `apps accept` would change"], ["apps diff 12 current", "what changed since 12"]],
    load: async () => (await import("./catalogs.ts")).diff,
  },
  {
    name: "apps accept",
    summary: "put the held catalog in force",
    about: "A catalog that leaves most agents without apps is held until somebody has looked at it.",
    options: [YES_OPTION],
    load: async () => (await import("./catalogs.ts")).accept,
  },
  {
    name: "apps rollback",
    summary: "put a catalog of the past in force again",
    about: "It stays until elves-supervisor sends its next one.",
    operands: [{ name: "ID" }],
    options: [YES_OPTION],
    examples: [["apps rollback 12", "back to catalog 12 of `apps history`"]],
    load: async () => (await import("./catalogs.ts")).rollback,
  },
];
