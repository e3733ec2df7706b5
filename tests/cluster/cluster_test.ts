import assert from "node:assert/strict";
import { addressKey } from "../../src/fleet/address.ts";
import { EventConsumer } from "../e2e/event_consumer.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { ScriptedSupervisor } from "../support/scripted_supervisor.ts";
import { SteadyBeats } from "./steady_beats.ts";
import { waitFor } from "../support/wait_for.ts";
import { ClusterBench, type Instance, wrongClock } from "./bench.ts";

const THREE = [{}, {}, {}];

type Cases = Readonly<Record<string, (rabbit: RabbitServer) => Promise<void>>>;

const CASES: Cases = {
  "every instance lists within a second what came to any, and all decide alike, with the same event ids": async (
    rabbit,
  ) => {
    await using watcher = await EventConsumer.open(rabbit.url);
    await using bench = await ClusterBench.start(rabbit, THREE);
    const ips = bench.instances.map((_, i) => `10.0.0.${i + 1}`);
    await Promise.all(bench.instances.map((instance, i) => instance.beat(ips[i]!)));
    await bench.everywhere("all agents online", async (instance) => {
      const agents = await instance.agents();
      return ips.every((ip) => agents.get(ip)?.state === "online");
    }, 1_000);
    const [first] = await Promise.all(bench.instances.map((instance) => instance.agents()));
    await bench.everywhere("the same last beats", async (instance) => {
      const agents = await instance.agents();
      return ips.every((ip) => agents.get(ip)?.last_hb_ms === first?.get(ip)?.last_hb_ms);
    });
    await bench.everywhere("all agents offline", async (instance) => {
      const agents = await instance.agents();
      return ips.every((ip) => agents.get(ip)?.state === "offline");
    });
    await Promise.all(bench.instances.map((instance, i) => instance.beat(ips[(i + 1) % 3]!)));
    await waitFor(() => watcher.log.of("agentOnline").length === 6, { timeoutMs: 5_000, what: "the events" });
    const ids = watcher.log.events.filter(({ ip }) => ip !== undefined).map(({ id }) => id).sort();
    assert.equal(watcher.log.of("agentOffline").length, 3);
    await bench.everywhere("the same events", async (instance) => {
      const kept = (await instance.events()).filter(({ ip }) => ip !== undefined).map(({ id }) => id).sort();
      return JSON.stringify(kept) === JSON.stringify(ids);
    });
    assert.equal(watcher.log.repeated, 0);
    const pending = () => bench.instances.every(({ app }) => app.cluster?.status.pendingEvents === 0);
    await waitFor(pending, { timeoutMs: 3_000, what: "no event to wait anywhere" });
  },

  "a newcomer is complete within 3 s, and a restarted one again": async (rabbit) => {
    await using bench = await ClusterBench.start(rabbit, [{}, {}]);
    const [a, b] = bench.instances as [Instance, Instance];
    await using beats = SteadyBeats.start(() => [a, b], 50);
    await waitFor(async () => (await a.agents()).size === 50, { timeoutMs: 5_000, what: "the fleet" });
    const c = await bench.add();
    await waitFor(async () => (await c.agents()).size === 50, { timeoutMs: 3_000, what: "the fleet at the newcomer" });
    await c.settled();
    assert.equal((await c.summary).warming, false);
    await b.stop();
    await b.start();
    await b.settled();
    const states = await Promise.all(bench.instances.map((instance) => instance.agents()));
    for (const agents of states) for (const { ip, state } of agents.values()) assert.equal(state, "online", ip);
    assert.equal(beats.faults.length, 0, beats.faults.join());
  },

  "what is forgotten and silenced at one instance is at all, and stays so": async (rabbit) => {
    await using bench = await ClusterBench.start(rabbit, THREE);
    const [a, b, c] = bench.instances as [Instance, Instance, Instance];
    await a.beat("10.0.0.1");
    await b.beat("10.0.0.2");
    await bench.everywhere("both agents", async (instance) => (await instance.agents()).size === 2);
    assert.equal((await c.request("DELETE", "agents/10.0.0.1")).status, 204);
    await bench.everywhere("one agent", async (instance) => (await instance.agents()).size === 1);
    const answer = await c.request("POST", "silences", { cidr: "10.0.0.0/8", for: "1h" });
    const { id } = JSON.parse(answer.text);
    await bench.everywhere(
      "the silence",
      (instance) => instance.app.fleet.silences.list.some((silence) => silence.id === id),
    );
    await c.stop();
    await c.start();
    await c.settled();
    await bench.everywhere("still one agent", async (instance) => (await instance.agents()).size === 1);
    assert.equal((await a.request("DELETE", `silences/${id}`)).status, 204);
    await bench.everywhere("no silence", (instance) => instance.app.fleet.silences.size === 0);
    c.proxy.isRefusing = true;
    c.proxy.cut();
    await waitFor(() => c.app.cluster?.status.caughtUp === false, { timeoutMs: 5_000, what: "C to be cut off" });
    assert.equal((await c.request("DELETE", "agents/10.0.0.2")).status, 204);
    c.proxy.isRefusing = false;
    await bench.everywhere("no agent", async (instance) => (await instance.agents()).size === 0, 20_000);
  },

  "another instance leads when the leader goes, and nothing is told twice or not at all": async (rabbit) => {
    await using watcher = await EventConsumer.open(rabbit.url);
    await using bench = await ClusterBench.start(rabbit, THREE);
    const leaders = () => bench.instances.filter(({ app }) => app.cluster?.status.leading);
    const leader = await waitFor(() => leaders()[0], { timeoutMs: 5_000, what: "a leader" });
    assert.equal(leaders().length, 1);
    const [other] = bench.instances.filter((instance) => instance !== leader);
    await other!.beat("10.0.0.1");
    await waitFor(() => watcher.log.of("agentOnline").length === 1, { timeoutMs: 5_000, what: "the first event" });
    // It knows, but cannot tell any more.
    leader.proxy.isRefusing = true;
    leader.proxy.cut();
    await other!.beat("10.0.0.2");
    await waitFor(() => watcher.log.of("agentOnline").length === 2, { timeoutMs: 10_000, what: "the second event" });
    await waitFor(() => watcher.log.of("agentOffline").length === 2, { timeoutMs: 10_000, what: "both offline" });
    leader.proxy.isRefusing = false;
    await leader.settled();
    await bench.everywhere("both offline", async (instance) => {
      const agents = await instance.agents();
      return [...agents.values()].filter(({ state }) => state === "offline").length === 2;
    });
    await waitFor(() => bench.instances.every(({ app }) => app.cluster?.status.pendingEvents === 0), {
      timeoutMs: 5_000,
      what: "no event to wait",
    });
    assert.equal(watcher.log.events.filter(({ ip }) => ip !== undefined).length, 4);
  },

  "an instance that is cut off calls nobody offline, and knows everything when it is back": async (rabbit) => {
    await using bench = await ClusterBench.start(rabbit, THREE);
    const [a, b, c] = bench.instances as [Instance, Instance, Instance];
    await a.beat("10.0.0.1");
    await b.beat("10.0.0.2");
    await bench.everywhere("both agents", async (instance) => (await instance.agents()).size === 2);
    c.proxy.isRefusing = true;
    c.proxy.cut();
    await waitFor(() => c.app.cluster?.status.caughtUp === false, { timeoutMs: 5_000, what: "C to notice" });
    await using _beats = SteadyBeats.start(() => [a, b], 1, "10.0.0.1");
    await c.beat("10.0.0.3");
    await waitFor(async () => (await a.state("10.0.0.2")) === "offline", {
      timeoutMs: 6_000,
      what: "B's agent offline",
    });
    for (const ip of ["10.0.0.1", "10.0.0.2"]) {
      await waitFor(async () => (await c.state(ip)) === "suspect", { timeoutMs: 2_000, what: `${ip} suspect at C` });
    }
    c.proxy.isRefusing = false;
    await c.beat("10.0.0.4");
    await c.settled();
    await bench.everywhere("the same everywhere", async (instance) => {
      const agents = await instance.agents();
      return agents.get("10.0.0.1")?.state === "online" && agents.get("10.0.0.2")?.state === "offline" &&
        agents.get("10.0.0.3") !== undefined && agents.get("10.0.0.4") !== undefined;
    });
  },

  "clocks 5 s apart: the newest beat wins, nobody is offline too early or late, and the skew is shown": async (
    rabbit,
  ) => {
    await using bench = await ClusterBench.start(rabbit, [{}, { clock: wrongClock(5_000) }, {
      clock: wrongClock(-5_000),
    }]);
    const [a, b, c] = bench.instances as [Instance, Instance, Instance];
    let last = -Infinity;
    for (const [i, instance] of [b, c, a, c, b].entries()) {
      // What comes to two instances within 50 ms counts as one moment, and then the clocks decide after all.
      await waitFor(() => performance.now() - last > 100, { timeoutMs: 1_000, what: "another moment" });
      last = performance.now();
      await instance.beat("10.0.0.1", `name ${i}`);
      await bench.everywhere("the last one", async (instance) => {
        return (await instance.agents()).get("10.0.0.1")?.asset === `name ${i}`;
      }, 1_000);
    }
    await bench.everywhere("offline", async (instance) => {
      const state = await instance.state("10.0.0.1");
      if (state === "offline") assert.ok(performance.now() - last >= 2_900, "too early");
      return state === "offline";
    }, 5_000);
    const { cluster } = await a.summary;
    assert.ok(cluster.enabled);
    const skews = cluster.members.map(({ skew_seconds: skew }) => Math.round(skew ?? 0)).sort();
    assert.deepEqual(skews, [-5, 5]);
    assert.ok(bench.log.matching(/the clock of \S+ is [45]\S* s (ahead of|behind) this machine's/).length > 0);
    const d = await bench.add();
    await d.settled();
    assert.equal(await d.state("10.0.0.1"), "offline");
  },

  "updateAppInfo reaches every instance, and a rollback too; a call is answered once": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    const entry = (version: string) => ({ app: "app1", version, agentList: ["10.0.0.1"] });
    await using supervisor = await ScriptedSupervisor.open(rabbit.url, { exchange: "elves", word: [entry("1")] });
    const config = "auth.mode = supervisor";
    await using bench = await ClusterBench.start(rabbit, [{ config }, { config }, { config }]);
    const [a, b] = bench.instances as [Instance, Instance];
    const runs = (version: string) => ({ app }: Instance) =>
      app.catalog.current?.for(addressKey("10.0.0.1")).apps.get("app1") === version;
    await bench.everywhere("supervisor's catalog", runs("1"));
    supervisor.word = [entry("2")];
    await supervisor.cast([entry("2")]);
    await bench.everywhere("the new one", runs("2"), 2_000);
    const former = await waitFor(async () => {
      const { catalogs } = JSON.parse((await b.request("GET", "catalogs")).text);
      return catalogs.find(({ current }: { current: boolean }) => !current);
    }, { timeoutMs: 3_000, what: "the history" });
    assert.equal((await b.request("POST", `catalogs/${former.id}/rollback`)).status, 200);
    await bench.everywhere("the former one", runs("1"), 6_000);
    await a.beat("10.0.0.1");
    await bench.everywhere("the agent", async (instance) => (await instance.agents()).size === 1);
    assert.equal((await peer.call("agentInfo", { ip: "10.0.0.1" })).flag, "true");
    assert.equal(peer.replies.length, 0);
  },

  "RabbitMQ is restarted: each goes on alone and says so, and nobody who beat anywhere was offline when they merge":
    async (
      rabbit,
    ) => {
      await using watcher = await EventConsumer.open(rabbit.url);
      await using bench = await ClusterBench.start(rabbit, THREE);
      const [a] = bench.instances as [Instance, Instance, Instance];
      await using beats = SteadyBeats.start(() => bench.instances, 20);
      await a.beat("10.0.0.1");
      await bench.everywhere("the fleet", async (instance) => (await instance.agents()).size === 21);
      await rabbit.stop();
      await bench.everywhere("being cut off", ({ app }) => app.cluster?.status.caughtUp === false);
      // Agents that beat at only one instance each for longer than the timeout.
      beats.stick();
      await bench.everywhere("suspects", async (instance) => {
        const agents = await instance.agents();
        return [...agents.values()].some(({ state }) => state === "suspect");
      });
      await a.beat("10.0.0.2");
      await rabbit.start();
      await bench.everywhere("a merge", ({ app }) => app.cluster?.status.settled === true, 40_000);
      await bench.everywhere("the truth", async (instance) => {
        const agents = await instance.agents();
        return agents.size === 22 &&
          [...agents.values()].every(({ ip, state }) => ip.startsWith("10.0") || state === "online") &&
          agents.get("10.0.0.1")?.state === "offline";
      });
      await waitFor(() => watcher.log.of("agentOffline", "10.0.0.1").length === 1, {
        timeoutMs: 10_000,
        what: "the event",
      });
      assert.deepEqual(watcher.log.of("agentOffline").filter(({ ip }) => ip?.startsWith("10.1")), []);
      assert.equal(watcher.log.of("agentOnline").length, 22);
      assert.ok(bench.log.matching(/cut off from the others/).length >= 3);
    },

  "different catalogs are shown": async (rabbit) => {
    const other = { config: "auth.localAppInfo = {'app1':'2'}" };
    await using bench = await ClusterBench.start(rabbit, [{}, {}, other]);
    await bench.everywhere("the mismatch", ({ app }) => app.cluster?.status.catalogMismatch === true, 10_000);
    assert.ok(bench.log.matching(/have different catalogs/).length > 0);
    const metrics = await bench.instances[0]!.metrics();
    assert.match(metrics, /^elves_heartbeat_cluster_catalog_mismatch 1$/m);
    assert.match(metrics, /^elves_heartbeat_cluster_members 2$/m);
  },

  "without cluster.enabled nothing of it is in RabbitMQ": async (rabbit) => {
    const config = "cluster.enabled = false";
    await using bench = await ClusterBench.start(rabbit, []);
    const alone = await bench.add({ config });
    await waitFor(() => alone.app.broker.state.name === "up", { timeoutMs: 10_000, what: "the connection" });
    assert.deepEqual((await alone.summary).cluster, { enabled: false });
    const queues = await rabbit.rabbitmqctl(["list_queues", "name"]);
    assert.deepEqual(queues.trim().split("\n").filter((line) => line !== "name"), ["heartbeat"]);
  },
};

Deno.test("Cluster", async (t) => {
  await using rabbit = await startRabbit();
  for (const [name, run] of Object.entries(CASES)) {
    await t.step(name, () => run(rabbit));
  }
});
