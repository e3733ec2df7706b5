import type { Option } from "./command.ts";

/** What every command understands. */
export const COMMON_OPTIONS: readonly Option[] = [
  {
    name: "config",
    value: "FILE",
    isFile: true,
    doc: "the configuration (default: conf/conf.properties beside the executable)",
  },
  { name: "help", doc: "show what the command does" },
];

/** What every command that shows something understands. */
export const JSON_OPTION: Option = { name: "json", doc: "print JSON, for scripts" };

/** What every command that asks before it acts understands. */
export const YES_OPTION: Option = { name: "yes", doc: "do it without asking" };

/** How many rows of a list are shown without --limit. */
export const DEFAULT_LIMIT = 50;
