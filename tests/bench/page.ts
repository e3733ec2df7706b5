import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstResult, PacedResult } from "./beat_load.ts";
import { type Figure, median, percentile, thousands } from "./figure.ts";
import type { PageResult } from "./page_load.ts";
import { type Child, startScript } from "./processes.ts";
import { type Product, startProduct } from "./product.ts";
import { inTurns, RUNTIME } from "./rounds.ts";

const AGENTS = 100_000;
const BEATS_PER_SECOND = 1_000;
/** Some ten people, who turn a page or type another letter every half second. */
const QUESTIONS_PER_SECOND = 20;
/** How long each measurement is, ms. */
const LENGTH_MS = 4_000;

/** What the page's questions for agents take while a large fleet beats. */
export async function pageFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using source = await startProduct("source", rabbit);
  await using binary = await startProduct("binary", rabbit);
  await using beats = startScript("beat_load.ts");
  await using pages = startScript("page_load.ts");
  for (const { port } of [source, binary]) {
    const burst = { kind: "kept", port, beats: AGENTS, agents: AGENTS, connections: 8, pipelined: 32 };
    await beats.run<BurstResult>(burst);
  }
  const rounds = await inTurns({
    source: () => measure(source, { beats, pages }),
    binary: () => measure(binary, { beats, pages }),
  });
  const p99 = (results: readonly PageResult[]) => median(results.map((each) => percentile(all(each), 99)));
  const p50 = (results: readonly PageResult[]) => median(results.map((each) => percentile(all(each), 50)));
  return [{
    name: "page API at 100,000 agents, p99",
    figure: `${p99(rounds.source).toFixed(1)} ms`,
    notes: [
      `on ${RUNTIME}, ${QUESTIONS_PER_SECOND} questions/s beside ${thousands(BEATS_PER_SECOND)} beats/s, ` +
      `p50 ${p50(rounds.source).toFixed(1)} ms (${kinds(rounds.source)})`,
      `the compiled executable p99 ${p99(rounds.binary).toFixed(1)} ms, p50 ${p50(rounds.binary).toFixed(1)} ms`,
    ],
  }];
}

async function measure({ port, httpPort }: Product, { beats, pages }: { beats: Child; pages: Child }) {
  const common = { agents: AGENTS, durationMs: LENGTH_MS };
  const [result] = await Promise.all([
    pages.run<PageResult>({ ...common, origin: `http://127.0.0.1:${httpPort}`, perSecond: QUESTIONS_PER_SECOND }),
    beats.run<PacedResult>({ ...common, kind: "paced", port, connections: 32, perSecond: BEATS_PER_SECOND }),
  ]);
  return result;
}

function all(result: PageResult): number[] {
  return Object.values(result).flat();
}

function kinds(results: readonly PageResult[]): string {
  const names = Object.keys(results[0] ?? {});
  return names.map((name) => {
    const took = results.flatMap((each) => each[name] ?? []);
    return `${name} ${percentile(took, 50).toFixed(1)}`;
  }).join(", ");
}
