/** Asks for pages of the list of agents as the page in a browser does, in a process of its own. */
import { serveJobs } from "./jobs.ts";

/** Questions at a steady rate, whether those before are answered or not. */
export interface PageJob {
  /** Where `/api/v1/agents` is. */
  readonly origin: string;
  readonly agents: number;
  readonly perSecond: number;
  readonly durationMs: number;
}

/** How long each kind of question took, ms. */
export type PageResult = Readonly<Record<string, readonly number[]>>;

/** How many rows the page shows. */
const SIZE = "50";

/** The kinds of questions in turn, each for another part of the fleet. */
function questions(agents: number): Record<string, (i: number) => Record<string, string>> {
  const page = (i: number) => String(1 + (i * 7919) % Math.floor(agents / Number(SIZE)));
  return {
    "a page": (i) => ({ page: page(i) }),
    search: (i) => ({ q: `CX${String((i * 7919) % agents).padStart(7, "0").slice(0, 6)}` }),
    "an address range": (i) => ({ cidr: `10.0.${i % 256}.0/24`, state: "online" }),
    "the longest silent": () => ({ sort: "-silent" }),
    "by name": (i) => ({ sort: "asset", page: page(i) }),
    "with an app": (i) => ({ app: `app${String(i % 41).padStart(2, "0")}`, page: String(1 + i % 20) }),
  };
}

async function ask(origin: string, parameters: Record<string, string>): Promise<number> {
  const started = performance.now();
  const response = await fetch(`${origin}/api/v1/agents?${new URLSearchParams({ ...parameters, size: SIZE })}`);
  const { total } = JSON.parse(await response.text());
  if (response.status !== 200 || !(total > 0)) {
    throw new Error(`${JSON.stringify(parameters)} is answered with ${response.status}, ${total} agents`);
  }
  return performance.now() - started;
}

async function run({ origin, agents, perSecond, durationMs }: PageJob): Promise<PageResult> {
  const kinds = Object.entries(questions(agents));
  const took: Record<string, number[]> = Object.fromEntries(kinds.map(([kind]) => [kind, []]));
  const onTheWay: Promise<void>[] = [];
  const started = performance.now();
  for (let i = 0; i < durationMs * perSecond / 1000; i++) {
    const dueMs = started + i * 1000 / perSecond - performance.now();
    if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
    const [kind, parameters] = kinds[i % kinds.length]!;
    onTheWay.push(ask(origin, parameters(i)).then((ms) => void took[kind]?.push(ms)));
  }
  await Promise.all(onTheWay);
  return took;
}

await serveJobs(run);
