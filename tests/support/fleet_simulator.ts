import { beat, type BeatAddress } from "./beat_client.ts";

/** In how many writes the real agent sends one call: 25 to 30 (PROTOCOL.md section 1). */
export const AGENT_WRITES = 28;
/** How long the real agent waits for its answer, ms. */
const AGENT_TIMEOUT_MS = 5_000;
/** How many of its last beats an agent remembers. */
const REMEMBERED_BEATS = 16;

/** App name to version. */
export type AppVersions = Readonly<Record<string, string>>;

/** What an agent is before its first beat. */
export interface AgentSetup {
  readonly ip: string;
  readonly asset: string;
  /** Version of the agent itself. */
  readonly version: string;
  /** What it has installed. */
  readonly apps: AppVersions;
}

/** One beat that was answered. Times are ms since the epoch. */
export interface AnsweredBeat {
  readonly sentMs: number;
  readonly answeredMs: number;
  /** The apps that the agent said it has, which is what lists must show. */
  readonly apps: AppVersions;
}

/** What an agent did with the answer to a beat. */
export type BeatEffect =
  | {
    readonly kind: "answered";
    /** The answer as it came. */
    readonly text: string;
    /** Apps that the answer does not name: removed. */
    readonly removed: readonly string[];
    /** Apps that are new or of another version: downloaded. */
    readonly downloaded: readonly string[];
  }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "failed"; readonly cause: unknown };

/** One simulated agent. It obeys answers as the real one does (PROTOCOL.md section 1). */
export class SimulatedAgent {
  readonly ip: string;
  readonly asset: string;
  readonly version: string;
  #apps: AppVersions;
  #beats: AnsweredBeat[] = [];

  constructor({ ip, asset, version, apps }: AgentSetup) {
    this.ip = ip;
    this.asset = asset;
    this.version = version;
    this.#apps = { ...apps };
  }

  /** What it has installed now. */
  get apps(): AppVersions {
    return this.#apps;
  }

  /** Its last answered beats, an exception being an answer too; the newest is the last one. */
  get beats(): readonly AnsweredBeat[] {
    return this.#beats;
  }

  /** Sends one beat on a connection of its own, in tiny writes, and does what the answer says. Never rejects. */
  async beat(address: BeatAddress): Promise<BeatEffect> {
    const { ip, asset, version, apps } = this;
    const sentMs = Date.now();
    let reply;
    try {
      const info = { ip, asset, version, apps: JSON.stringify(apps) };
      reply = await beat(address, info, { pieces: AGENT_WRITES, timeoutMs: AGENT_TIMEOUT_MS });
    } catch (cause) {
      return { kind: "failed", cause };
    }
    this.#beats = [...this.#beats, { sentMs, answeredMs: Date.now(), apps }].slice(-REMEMBERED_BEATS);
    // On an exception the agent keeps everything.
    if (reply.text === undefined) return { kind: "refused", message: reply.exception?.message ?? "" };
    return this.#obey(reply.text);
  }

  #obey(text: string): BeatEffect {
    let data: AppVersions;
    try {
      data = readAnswer(text);
    } catch (cause) {
      return { kind: "failed", cause };
    }
    const removed = Object.keys(this.#apps).filter((app) => !Object.hasOwn(data, app));
    const downloaded = Object.keys(data).filter((app) => this.#apps[app] !== data[app]);
    this.#apps = data;
    return { kind: "answered", text, removed, downloaded };
  }
}

/** @throws Error when the answer is not `{"data":{app: version}}` */
function readAnswer(text: string): AppVersions {
  const { data } = JSON.parse(text);
  if (typeof data !== "object" || data === null || !Object.values(data).every((each) => typeof each === "string")) {
    throw new Error(`no map of apps in the answer ${text}`);
  }
  return data;
}

/** How a simulated fleet runs. */
export interface FleetOptions {
  readonly address: BeatAddress;
  readonly agents: readonly AgentSetup[];
  /** How often each agent beats, ms; real ones beat every minute. */
  readonly intervalMs: number;
  /** 0 to below 1; decides in which part of the interval each agent beats. */
  readonly random: () => number;
  /** Told about every beat that ended, in the order in which they end. */
  readonly onBeat?: (agent: SimulatedAgent, effect: BeatEffect) => void;
  /** Told about every beat that begins. */
  readonly onSend?: (agent: SimulatedAgent) => void;
}

/**
 * A fleet of agents that beat over real connections, each at its own moment within the interval and without drift, as
 * real ones do. Agents may lose power and get it back. Leaving its `await using` scope stops it.
 */
export class FleetSimulator implements AsyncDisposable {
  readonly agents: readonly SimulatedAgent[];
  readonly #options: FleetOptions;
  readonly #timers = new Map<SimulatedAgent, ReturnType<typeof setTimeout>>();
  readonly #onTheWay = new Map<SimulatedAgent, Promise<void>>();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.agents = options.agents.map((setup) => new SimulatedAgent(setup));
  }

  /** Agents that have power. */
  get running(): SimulatedAgent[] {
    return this.agents.filter((agent) => this.#timers.has(agent));
  }

  /** Gives power to every agent that has none. */
  start(): void {
    for (const agent of this.agents) this.powerOn(agent);
  }

  /** The agent's first beat comes within one interval. */
  powerOn(agent: SimulatedAgent): void {
    if (this.#timers.has(agent)) return;
    const { intervalMs, random } = this.#options;
    this.#schedule(agent, performance.now() + random() * intervalMs);
  }

  /** The agent beats no more; the one beat that may be on its way still ends. */
  powerOff(agent: SimulatedAgent): void {
    clearTimeout(this.#timers.get(agent));
    this.#timers.delete(agent);
  }

  /** Takes power from all agents and waits until no beat is on its way. */
  async stop(): Promise<void> {
    for (const agent of this.agents) this.powerOff(agent);
    await Promise.all(this.#onTheWay.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #schedule(agent: SimulatedAgent, dueMs: number): void {
    const timer = setTimeout(() => {
      this.#schedule(agent, dueMs + this.#options.intervalMs);
      // An agent has one beat on its way at most, however slow the answer is.
      if (!this.#onTheWay.has(agent)) this.#onTheWay.set(agent, this.#beat(agent));
    }, dueMs - performance.now());
    this.#timers.set(agent, timer);
  }

  async #beat(agent: SimulatedAgent): Promise<void> {
    this.#options.onSend?.(agent);
    const effect = await agent.beat(this.#options.address);
    this.#onTheWay.delete(agent);
    this.#options.onBeat?.(agent, effect);
  }
}

/** Random numbers, 0 to below 1, that are the same for the same seed (xorshift32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
