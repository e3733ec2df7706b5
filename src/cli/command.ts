import type { SystemdEnvironment } from "../systemd/notify.ts";
import type { Terminal } from "./terminal.ts";

/** A command line that cannot be understood; exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
  /** The command whose help has the answer; undefined: that of the program. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}

/** A command that could not be done. The message says what was tried, what happened and what to do next. */
export class CommandError extends Error {
  override name = "CommandError";
  /** 1; 2 where the usage or the configuration is to blame. */
  readonly exitCode: number = 1;
}

/** Something that a command may be given with `--name`. */
export interface Option {
  readonly name: string;
  /** What its value is called in the help; undefined: it is a switch and has none. */
  readonly value?: string;
  readonly doc: string;
  /** The only values that it takes. */
  readonly words?: readonly string[];
  /** Whether several of the words may be given, separated by commas. */
  readonly isList?: boolean;
  /** Whether its value is a path. */
  readonly isFile?: boolean;
}

/** Something that a command may be given without a name. */
export interface Operand {
  readonly name: string;
  readonly isOptional?: boolean;
  /** Whether there may be more than one. */
  readonly isRepeated?: boolean;
  readonly words?: readonly string[];
  readonly isFile?: boolean;
}

/** One command: what it is called, what it may be given, and what does it. */
export interface Command {
  /** One or two words. */
  readonly name: string;
  readonly summary: string;
  /** What the summary leaves open. */
  readonly about?: string;
  readonly operands?: readonly Operand[];
  /** Beside those that every command has. */
  readonly options?: readonly Option[];
  /** Command lines without the program's name, and what they do. */
  readonly examples?: readonly (readonly [line: string, effect: string])[];
  /** Loads what does it: the service at boot loads nothing of the other commands, and they nothing of the service. */
  load(): Promise<Handler>;
}

/** Does a command. @returns the exit code: 0 fine, 1 a fault was found or something is not there */
export type Handler = (invocation: Invocation, surroundings: Surroundings) => Promise<number> | number;

/** A command as it was called. */
export interface Invocation {
  readonly command: Command;
  /** Path of the configuration file. */
  readonly config: string;
  readonly operands: readonly string[];
  readonly options: GivenOptions;
}

/** What commands take from the process they run in. */
export interface Surroundings {
  readonly terminal: Terminal;
  /** Whether standard error is journald. */
  readonly journal: boolean;
  /** What systemd says to its services; all undefined elsewhere. */
  readonly systemd: SystemdEnvironment;
  /** Listens for the signals that ask for a stop from now on; resolves at the first one, with its name. */
  stopped(): Promise<string>;
  /** Calls back whenever the configuration shall be read again. */
  onReload(listener: () => void): void;
}

/** The options of one call. */
export class GivenOptions {
  readonly #values: ReadonlyMap<string, string>;
  readonly #command: string;

  /** @param values switches have an empty value */
  constructor(command: string, values: ReadonlyMap<string, string>) {
    this.#command = command;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** @throws {UsageError} when something else than a whole number came */
  count(name: string, fallback: number): number {
    const text = this.#values.get(name);
    if (text === undefined) return fallback;
    if (!/^\d{1,9}$/.test(text)) {
      throw new UsageError(`--${name} must be a whole number, "${text}" came`, this.#command);
    }
    return Number(text);
  }
}
