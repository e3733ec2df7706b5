import { continuations } from "./arguments.ts";
import type { Command, Invocation, Option, Surroundings } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON_OPTIONS } from "./common_options.ts";

/** `completion bash`: the script that completes command lines. */
export function completion(_invocation: Invocation, { terminal }: Surroundings): number {
  terminal.write(bashScript());
  return 0;
}

/**
 * Bash splits a command line at COMP_WORDBREAKS, which has `=` in it: `--state=off` comes as three words.
 * Source: bash(1), Programmable Completion.
 */
function bashScript(): string {
  const takesValue = allOptions().filter(({ value }) => value !== undefined);
  const valued = names(takesValue);
  const files = names(takesValue.filter(({ isFile }) => isFile));
  const lists = names(takesValue.filter(({ isList }) => isList)).split("|").map((name) => `${name},*,*`).join("|");
  const fileCommands = COMMANDS.filter(({ operands = [] }) => operands.some(({ isFile }) => isFile));
  return `# Completes command lines of elves-heartbeat in bash; made by: elves-heartbeat completion bash
_elves_heartbeat_words() {
  case "$1" in
${cases(nextWords())}
  esac
}

_elves_heartbeat_options() {
  case "$1" in
${cases(COMMANDS.map((command) => [command.name, optionsOf(command).map(({ name }) => `--${name}`)]))}
    *) echo "${COMMON_OPTIONS.map(({ name }) => `--${name}`).join(" ")}" ;;
  esac
}

_elves_heartbeat_values() {
  case "$1" in
${cases(values())}
  esac
}

_elves_heartbeat() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= word values help= i
  if [ "$cur" = "=" ]; then
    cur=
  elif [ "$prev" = "=" ] && [ "$COMP_CWORD" -gt 2 ]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$word" in
      ${valued})
        [ "\${COMP_WORDS[i+1]}" != "=" ] || ((i++))
        ((i++))
        ;;
      -*) ;;
      *)
        case " $(_elves_heartbeat_words "$command") " in
          *" $word "*) command=\${command:+$command }$word ;;
        esac
        [ "$command" != help ] || { help=yes command=; }
        ;;
    esac
  done
  COMPREPLY=()
  case "$prev" in
    ${files})
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    ${valued})
      values=$(_elves_heartbeat_values "$command $prev")
      case "$prev,$cur" in
        ${lists})
          mapfile -t COMPREPLY < <(compgen -W "$values" -P "\${cur%,*}," -- "\${cur##*,}") ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur") ;;
      esac
      return
      ;;
  esac
  if [[ $cur == -* && -z $help ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_elves_heartbeat_options "$command")" -- "$cur")
    return
  fi
  case "$command" in
    ${fileCommands.map(({ name }) => name).join("|")})
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_elves_heartbeat_words "$command")" -- "$cur") ;;
  esac
}

complete -F _elves_heartbeat elves-heartbeat
`;
}

/** What may follow the words of a command line: more words of a command, or the words that its operand takes. */
function nextWords(): Case[] {
  const groups = COMMANDS.flatMap(({ name }) => ["", name.split(" ")[0] ?? ""]);
  const operands = COMMANDS.flatMap(({ name, operands = [] }): Case[] => {
    const words = operands[0]?.words;
    return words === undefined ? [] : [[name, words]];
  });
  return [...[...new Set(groups)].map((words): Case => [words, continuations(words)]), ...operands];
}

function values(): Case[] {
  return COMMANDS.flatMap((command) =>
    optionsOf(command).map(({ name, words = [] }): Case => [`${command.name} --${name}`, words])
  );
}

function allOptions(): Option[] {
  return COMMANDS.flatMap(optionsOf);
}

function optionsOf({ options = [] }: Command): Option[] {
  return [...options, ...COMMON_OPTIONS];
}

function names(options: readonly Option[]): string {
  return [...new Set(options.map(({ name }) => `--${name}`))].join("|");
}

type Case = readonly [pattern: string, words: readonly string[]];

function cases(all: readonly Case[]): string {
  return all.filter(([, words]) => words.length > 0)
    .map(([pattern, words]) => `    "${pattern}") echo "${words.join(" ")}" ;;`).join("\n");
}
