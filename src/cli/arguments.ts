import { nearest } from "../config/nearest.ts";
import { type Command, GivenOptions, type Invocation, type Operand, type Option, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON_OPTIONS } from "./common_options.ts";

/** How far a word may be from a known one to be taken for a misspelling, letters. */
const MISSPELLING = 2;

/**
 * Reads the command line; without a command it is `run`. `--help` anywhere makes it `help` about the command.
 * @param defaultConfig where the configuration is when nothing else is said
 * @throws {UsageError}
 */
export function parseArguments(args: readonly string[], defaultConfig: string): Invocation {
  return new Parser(args).parse(defaultConfig);
}

/** One reading of one command line. */
class Parser {
  readonly #rest: string[];
  readonly #values = new Map<string, string>();
  readonly #operands: string[] = [];
  /** The words of the command so far, such as `agents` before `list` has come. */
  #words = "";
  #command: Command | undefined;

  constructor(args: readonly string[]) {
    this.#rest = args.map((arg) => arg === "-h" ? "--help" : arg);
  }

  parse(defaultConfig: string): Invocation {
    let arg: string | undefined;
    while ((arg = this.#rest.shift()) !== undefined) {
      if (arg === "--") this.#operands.push(...this.#rest.splice(0));
      else if (/^-./.test(arg)) this.#option(arg);
      else this.#word(arg);
    }
    const help = this.#values.has("help");
    if (help && this.#command?.name !== "help") return this.#help(defaultConfig);
    const command = this.#command ?? this.#commandInstead();
    this.#checkOperands(command);
    return {
      command,
      config: this.#values.get("config") ?? defaultConfig,
      operands: this.#operands,
      options: new GivenOptions(command.name, this.#values),
    };
  }

  #help(config: string): Invocation {
    const operands = this.#words === "" ? [] : this.#words.split(" ");
    return { command: commandNamed("help"), config, operands, options: new GivenOptions("help", new Map()) };
  }

  /** What is meant without a whole command. @throws {UsageError} */
  #commandInstead(): Command {
    if (this.#words === "") return commandNamed(this.#values.has("version") ? "version" : "run");
    const words = continuations(this.#words).join(", ");
    throw new UsageError(`"${this.#words}" needs one more word: ${words}`, this.#words);
  }

  #word(word: string): void {
    const words = this.#words === "" ? word : `${this.#words} ${word}`;
    const command = COMMANDS.find(({ name }) => name === words);
    const hasMore = continuations(words).length > 0;
    if (command !== undefined || hasMore) {
      this.#words = words;
      this.#command = command;
    } else if (this.#command !== undefined) this.#operands.push(word);
    else {
      const group = this.#words === "" ? "" : `${this.#words} `;
      throw new UsageError(`unknown command "${words}"${suggestion(word, continuations(this.#words), group)}`);
    }
  }

  #option(arg: string): void {
    const [name = "", ...rest] = arg.replace(/^--?/, "").split("=");
    const inline = rest.length > 0 ? rest.join("=") : undefined;
    const option = arg.startsWith("--") ? this.#known().find((each) => each.name === name) : undefined;
    if (option === undefined) {
      const near = suggestion(`--${name}`, this.#known().map((each) => `--${each.name}`));
      throw new UsageError(`unknown option "${arg.split("=")[0]}"${near}`, this.#command?.name);
    }
    if (this.#values.has(name)) throw new UsageError(`--${name} came twice`, this.#command?.name);
    this.#values.set(name, option.value === undefined ? this.#switch(option, inline) : this.#value(option, inline));
  }

  #known(): readonly Option[] {
    if (this.#command !== undefined) return [...this.#command.options ?? [], ...COMMON_OPTIONS];
    return [...COMMON_OPTIONS, { name: "version", doc: "" }];
  }

  #switch({ name }: Option, inline: string | undefined): string {
    if (inline !== undefined) throw new UsageError(`--${name} takes no value, "${inline}" came`, this.#command?.name);
    return "";
  }

  #value({ name, value: shown, words, isList = false }: Option, inline: string | undefined): string {
    // `--sort -silent` is a value, `--state --json` is a forgotten one.
    const value = inline ?? (this.#rest[0]?.startsWith("--") ? undefined : this.#rest.shift());
    if (value === undefined) throw new UsageError(`--${name} needs a value: --${name} ${shown}`, this.#command?.name);
    if (words !== undefined) this.#checkWords(`--${name}`, isList ? value.split(",") : [value], words);
    return value;
  }

  #checkWords(what: string, given: readonly string[], words: readonly string[]): void {
    const wrong = given.find((word) => !words.includes(word));
    if (wrong === undefined) return;
    const known = words.filter((word) => !word.startsWith("-"));
    const message = `${what} must be ${oneOf(known)}, "${wrong}" came${suggestion(wrong, words)}`;
    throw new UsageError(message, this.#command?.name);
  }

  #checkOperands({ name, operands = [] }: Command): void {
    const missing = operands[this.#operands.length];
    if (missing !== undefined && !missing.isOptional) {
      throw new UsageError(`${name} needs ${operandText(missing)}`, name);
    }
    const isOpen = operands.at(-1)?.isRepeated ?? false;
    const surplus = this.#operands[operands.length];
    if (surplus !== undefined && !isOpen) throw new UsageError(`unexpected argument "${surplus}"`, name);
    operands.forEach(({ name: what, words }, i) => {
      const given = this.#operands[i];
      if (given !== undefined && words !== undefined) this.#checkWords(what, [given], words);
    });
  }
}

/** How an operand stands in a usage line. */
export function operandText({ name, isOptional, isRepeated }: Operand): string {
  const text = isRepeated ? `${name}...` : name;
  return isOptional ? `[${text}]` : text;
}

/** The words that may follow others to name a command; after none, the first words of all commands. */
export function continuations(words: string): string[] {
  const prefix = words === "" ? "" : `${words} `;
  const longer = COMMANDS.filter(({ name }) => name.startsWith(prefix) && name !== words);
  return [...new Set(longer.map(({ name }) => name.slice(prefix.length).split(" ")[0] ?? ""))];
}

function oneOf(words: readonly string[]): string {
  return words.length > 2 ? `one of ${words.join(", ")}` : words.join(" or ");
}

function commandNamed(name: string): Command {
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) throw new RangeError(`no command is called "${name}"`);
  return command;
}

function suggestion(word: string, known: readonly string[], before = ""): string {
  const near = nearest(word, known);
  return near !== undefined && near.distance <= MISSPELLING ? `; did you mean ${before}${near.word}?` : "";
}
