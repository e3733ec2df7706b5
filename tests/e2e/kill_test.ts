import assert from "node:assert/strict";
import { within } from "../../src/deadline.ts";
import { Supervisor } from "../demo/supervisor.ts";
import { beat, type BeatInfo, type BeatReply } from "../support/beat_client.ts";
import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { seededRandom } from "../support/fleet_simulator.ts";
import { ModulePeer, type RowJson } from "../support/module_peer.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { EventConsumer } from "./event_consumer.ts";
import { print } from "./print.ts";
import { type Acknowledged, SteadyLoad } from "./steady_load.ts";

const KILLS = 20;
const SEED = 20_170_602;
const BEATS_PER_SECOND = 1_000;
const FIRST_AGENTS = 2_000;
/** How many agents appear in each round, and how many die. */
const CHANGE = 20;
/** Rounds in which agents die; the others leave time for all of them to be called offline. */
const LAST_DEATHS = 10;
const TIMEOUT_MS = 20_000;
/** What a crash may take, ms. */
const LOSS_MS = 1_000;

/** Who there is, and what each agent may run. */
class Population {
  readonly all: readonly BeatInfo[];
  /** The first to beat after each restart; its rows are not compared. */
  readonly first: BeatInfo;
  readonly living: BeatInfo[];
  readonly dead: BeatInfo[] = [];
  #appeared = FIRST_AGENTS;

  constructor() {
    this.all = Array.from({ length: FIRST_AGENTS + KILLS * CHANGE + 1 }, (_, i) => ({
      asset: `CX${i}`,
      ip: `10.1.${i >> 8}.${i & 255}`,
      version: "0.3.3",
      apps: '{"common":"1.0.0"}',
    }));
    this.first = this.all[this.all.length - 1]!;
    this.living = this.all.slice(0, FIRST_AGENTS);
  }

  get catalog() {
    const ips = this.all.map(({ ip }) => ip);
    return [
      { app: "common", version: "1.0.1", agentList: ips },
      { app: "some", version: "2.0.0", agentList: ips.filter((_, i) => i % 3 === 0) },
    ];
  }

  appsOf({ asset }: BeatInfo): Record<string, string> {
    return Number(asset.slice(2)) % 3 === 0 ? { common: "1.0.1", some: "2.0.0" } : { common: "1.0.1" };
  }

  appear(): void {
    this.living.push(...this.all.slice(this.#appeared, this.#appeared += CHANGE));
  }

  die(): void {
    this.dead.push(...this.living.splice(0, CHANGE));
  }
}

/** What must be remembered of each agent: the newest beat that was acknowledged more than a second before a kill. */
class Oracle {
  readonly #sure = new Map<string, number>();

  killed(beats: readonly Acknowledged[], killedMs: number): void {
    for (const { ip, sentMs, answeredMs } of beats) {
      if (answeredMs < killedMs - LOSS_MS) this.#sure.set(ip, Math.max(sentMs, this.#sure.get(ip) ?? 0));
    }
  }

  /** Compares what is there right after a restart. @returns how many agents had to be there */
  check(rows: ReadonlyMap<string, RowJson>, { killedMs }: { killedMs: number }): number {
    for (const [ip, sureMs] of this.#sure) {
      const row = rows.get(ip);
      assert(row !== undefined, `${ip} was forgotten`);
      const seenMs = Number(row.last_hb_ms);
      assert(seenMs >= sureMs, `${ip} was seen at ${sureMs}, ${sureMs - seenMs} ms after what is remembered`);
      assert(seenMs <= killedMs, `${ip} was seen ${seenMs - killedMs} ms after the service died`);
      const overdueMs = Date.now() - sureMs - TIMEOUT_MS;
      if (row.state === "offline") assert(overdueMs >= 0, `${ip} was called offline ${-overdueMs} ms early`);
    }
    return this.#sure.size;
  }

  /** The beat after which an agent went silent, or a later one. */
  sureMs(ip: string | undefined): number {
    return this.#sure.get(ip ?? "") ?? 0;
  }
}

function configuration({ host, port, user, password }: RabbitServer, folder: string): string {
  return `mq.ip = ${host}\nmq.port = ${port}\nmq.user = ${user}\nmq.password = ${password}\nauth.mode = supervisor\n` +
    `data.dir = ${folder}\nagent.timeout = ${TIMEOUT_MS}ms\nagent.grace = 1s\n`;
}

async function everyAgent(peer: ModulePeer): Promise<Map<string, RowJson>> {
  const { count, result, warming } = await peer.call("agentList", { state: "all" });
  assert.equal(result.length, count);
  assert.equal(warming, undefined, "there is a memory");
  return new Map(result.map((row) => [String(row.ip), row]));
}

/** The age of the youngest beat that a kill cost, ms; 0 when it cost none. */
function lossMs(
  rows: ReadonlyMap<string, RowJson>,
  { beats, killedMs }: { beats: readonly Acknowledged[]; killedMs: number },
): number {
  const lost = beats.filter(({ ip, sentMs }) => Number(rows.get(ip)?.last_hb_ms ?? 0) < sentMs);
  return Math.max(0, ...lost.map(({ answeredMs }) => killedMs - answeredMs));
}

Deno.test("elves-heartbeat remembers its fleet and its catalog through kill -9 under load", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "hb-kill-" });
  await using _removed = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  await using rabbit = await startRabbit();
  const config = configuration(rabbit, folder);
  await using consumer = await EventConsumer.open(rabbit.url);
  await using peer = await ModulePeer.connect(rabbit.url);
  const random = seededRandom(SEED);
  const population = new Population();
  const oracle = new Oracle();
  const expectApps = (agent: BeatInfo, { text, exception }: BeatReply) => {
    assert(text !== undefined, `${agent.ip} got the exception "${exception?.message}"`);
    assert.deepEqual(JSON.parse(text), { data: population.appsOf(agent) });
  };
  const restarted = async (service: BinaryProcess) => {
    const { first } = population;
    expectApps(first, await beat({ hostname: "127.0.0.1", port: service.port }, first));
    await service.logged(/mq: connected/);
  };
  let last: { beats: readonly Acknowledged[]; killedMs: number } = { beats: [], killedMs: 0 };
  let next = 0;
  let [beats, checked, lost] = [0, 0, 0];

  /** All living agents beat, each in its turn, and expect their apps. */
  function steadyLoad(service: BinaryProcess, end: AbortSignal): SteadyLoad {
    const { living: agents } = population;
    return new SteadyLoad(
      { port: service.port, agents, perSecond: BEATS_PER_SECOND, end, onReply: expectApps },
      next,
    );
  }

  /** Beats, and kills the service at a random moment meanwhile. */
  async function beatAndKill(service: BinaryProcess, afterMs: number): Promise<void> {
    const end = new AbortController();
    const load = steadyLoad(service, end.signal);
    const ended = load.run();
    await within(ended, afterMs);
    end.abort();
    const killedMs = Date.now();
    await service.kill();
    await ended;
    next = load.next;
    last = { beats: load.acknowledged, killedMs };
    beats += last.beats.length;
    oracle.killed(last.beats, killedMs);
  }

  await t.step("an empty store is said to be warming, and supervisor gives the catalog for the last time", async () => {
    await using service = await startBinary({ config });
    const supervisor = await Supervisor.open(rabbit.url, {
      exchange: "elves",
      catalog: population.catalog,
      onAsked: () => {},
    });
    await service.logged(/mq: connected/);
    assert.equal((await peer.call("agentList")).warming, true);
    const answer = () => beat({ hostname: "127.0.0.1", port: service.port }, population.first);
    await waitFor(async () => (await answer()).text !== undefined, {
      timeoutMs: 30_000,
      what: "the catalog",
    });
    await supervisor[Symbol.asyncDispose]();
    await beatAndKill(service, 1_200 + random() * 500);
  });

  await t.step(`after each of ${KILLS - 1} more kills everything is there that was told a second before`, async () => {
    for (let round = 1; round < KILLS; round++) {
      if (round <= LAST_DEATHS) population.die();
      population.appear();
      await using service = await startBinary({ config });
      await restarted(service);
      const rows = await everyAgent(peer);
      checked += oracle.check(rows, last);
      lost = Math.max(lost, lossMs(rows, last));
      await beatAndKill(service, 500 + random() * 1_000);
    }
  });

  await t.step("the dead are offline, nobody else is, and each was told once", async () => {
    await using service = await startBinary({ config });
    await restarted(service);
    checked += oracle.check(await everyAgent(peer), last);
    const end = new AbortController();
    const load = steadyLoad(service, end.signal);
    const ended = load.run();
    const settled = waitFor(() => {
      const { log } = consumer;
      return log.of("agentOffline").length >= population.dead.length &&
        log.of("agentOnline").length >= population.living.length + population.dead.length + 1;
    }, { timeoutMs: 30_000, what: "an event for every agent" });
    await Promise.race([settled, ended]);
    const rows = await everyAgent(peer);
    end.abort();
    await service.kill();
    await ended;
    const inState = (state: string) => [...rows.values()].filter((row) => row.state === state).map(({ ip }) => ip);
    const ips = (agents: readonly BeatInfo[]) => agents.map(({ ip }) => ip).sort();
    assert.deepEqual(inState("offline").sort(), ips(population.dead));
    assert.deepEqual(inState("online").sort(), ips([...population.living, population.first]));
    expectOncePerAgent(consumer, population, oracle);
  });
  print(
    `${KILLS} kills, ${beats} beats acknowledged, ${checked} rows compared, ` +
      `newest beats lost: those of the last ${lost} ms`,
  );
});

function expectOncePerAgent(
  { log }: EventConsumer,
  { living, dead, first }: Population,
  oracle: Oracle,
): void {
  const offline = log.of("agentOffline");
  assert.deepEqual(offline.map(({ ip }) => ip).sort(), dead.map(({ ip }) => ip).sort());
  for (const { ip, at_ms } of offline) assert(at_ms >= oracle.sureMs(ip) + TIMEOUT_MS - 5, `${ip} went early`);
  const online = log.of("agentOnline");
  assert.deepEqual(online.map(({ ip }) => ip).sort(), [...living, ...dead, first].map(({ ip }) => ip).sort());
  assert(online.every((event) => event.first === true));
}
