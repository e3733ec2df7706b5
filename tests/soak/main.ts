/** `deno task soak --minutes N [--agents M] [--seed S] [--json]`: the compiled service for a long time under faults. */
import { parseArgs } from "node:util";
import { soak, type SoakSummary } from "./soak.ts";

const encoder = new TextEncoder();

function say(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

/** @throws RangeError when it is no positive number */
function amount(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} must be a positive number, "${text}" came`);
  return value;
}

/** What must be 0, by name. */
function wrongs({ beats, states, events, calls }: SoakSummary): Record<string, number> {
  return {
    "beats lost": beats.lost,
    "wrong states": states.wrong,
    "events doubled": events.doubled,
    "events missing": events.missing,
    "calls unanswered without a fault": calls.unanswered,
  };
}

function print(summary: SoakSummary): void {
  const { beats, states, events, calls, start, end } = summary;
  const lines: Record<string, string> = {
    "soak": `${summary.minutes} minutes, ${summary.agents} agents, ${summary.faults} faults, seed ${summary.seed}`,
    "beats": `${beats.sent} sent, ${beats.acknowledged} acknowledged, ${beats.failed} failed, ${beats.lost} lost`,
    "states": `${states.judged} judged, ${states.wrong} wrong`,
    "events": `${events.told} told, ${events.doubled} doubled, ${events.missing} missing`,
    "calls": `${calls.answered} answered, ${calls.lost} lost in faults, ${calls.unanswered} unanswered otherwise`,
    "memory": `${start.rssMb} MB at the start, ${end.rssMb} MB at the end`,
    "descriptors": `${start.descriptors} at the start, ${end.descriptors} at the end`,
  };
  for (const [name, text] of Object.entries(lines)) say(`${name.padEnd(12)} ${text}`);
  for (const fault of summary.wrong) say(`WRONG        ${fault}`);
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    agents: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const startMs = performance.now();
const summary = await soak({
  minutes: amount("minutes", values.minutes),
  agents: amount("agents", values.agents),
  seed: amount("seed", values.seed),
  say: (line) => {
    if (!values.json) say(`${`${Math.round((performance.now() - startMs) / 1000)} s`.padEnd(12)} ${line}`);
  },
});
if (values.json) say(JSON.stringify(summary));
else print(summary);
Deno.exit(Object.values(wrongs(summary)).every((count) => count === 0) ? 0 : 1);
