import assert from "node:assert/strict";
import { print } from "../e2e/print.ts";
import { beat, type BeatAddress } from "../support/beat_client.ts";
import { ModulePeer, type PeerReply } from "../support/module_peer.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";

/** How long an agent and a module wait for an answer, ms. */
const PATIENCE_MS = 5_000;
/** How long the module waits at first, until the service is there, ms. */
const FIRST_PATIENCE_MS = 300;
/** How long they wait between two calls, ms: what they add to the load is little. */
const PAUSE_MS = 20;
/** An address that no attack claims. */
const IP = "192.0.2.1";
const AGENT = { asset: "bystander", ip: IP, version: "0.3.3", apps: '{"app1":"1.0.1"}' };

/** How one kind of caller fared. */
interface Record {
  readonly answerMs: number[];
  readonly faults: string[];
}

/**
 * A well-behaved agent, which beats with a connection for each beat as agents do, and a well-behaved module, which asks
 * for that agent over RabbitMQ. They go on while somebody else attacks; each of their calls must be answered rightly and
 * before they give up.
 */
export class Bystanders implements AsyncDisposable {
  readonly #agent: Record = { answerMs: [], faults: [] };
  readonly #module: Record = { answerMs: [], faults: [] };
  readonly #peer: ModulePeer;
  readonly #calling: Promise<unknown>;
  #stopped = false;

  private constructor(peer: ModulePeer, address: BeatAddress) {
    this.#peer = peer;
    this.#calling = Promise.all([
      this.#repeat(this.#agent, () => beatOnce(address)),
      this.#repeat(this.#module, () => askOnce(peer, PATIENCE_MS)),
    ]);
  }

  /** Has both begin once the service knows the agent, and the broker the service. */
  static async join(address: BeatAddress, rabbit: RabbitServer): Promise<Bystanders> {
    await beatOnce(address);
    const peer = await ModulePeer.connect(rabbit.url);
    // Before the service has made its queue, calls go nowhere.
    const isServed = () => askOnce(peer, FIRST_PATIENCE_MS).then(() => true, () => false);
    await waitFor(isServed, { timeoutMs: 30_000, what: "the service to answer modules" });
    return new Bystanders(peer, address);
  }

  /** Waits until both were answered a few times more. */
  async beatsOn(): Promise<void> {
    const wanted = [this.#agent, this.#module].map(({ answerMs }) => answerMs.length + 5);
    const isOn = () =>
      [this.#agent, this.#module].every(({ answerMs, faults }, i) =>
        faults.length > 0 || answerMs.length >= wanted[i]!
      );
    await waitFor(isOn, { timeoutMs: 30_000, what: "more answers to the well-behaved" });
  }

  /**
   * Fails unless every call so far was answered rightly and in time, and prints how long that took.
   * @param what under which attack
   */
  async served(what: string): Promise<void> {
    this.#stopped = true;
    await this.#calling;
    for (const [who, { answerMs, faults }] of [["agent", this.#agent], ["module", this.#module]] as const) {
      assert.deepEqual(faults, [], `the well-behaved ${who} under ${what}`);
      assert.ok(answerMs.length > 0, `the ${who} was never answered`);
      const inOrder = answerMs.toSorted((a, b) => a - b);
      const [p99, worst] = [inOrder[Math.floor(inOrder.length * 0.99)], inOrder.at(-1)];
      print(`${what}: ${who} ${answerMs.length} calls, p99 ${p99?.toFixed(0)} ms, longest ${worst?.toFixed(0)} ms`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#calling;
    await this.#peer[Symbol.asyncDispose]();
  }

  async #repeat({ answerMs, faults }: Record, call: () => Promise<void>): Promise<void> {
    while (!this.#stopped && faults.length === 0) {
      const begun = performance.now();
      try {
        await call();
        const tookMs = performance.now() - begun;
        if (tookMs > PATIENCE_MS) faults.push(`an answer after ${tookMs} ms`);
        answerMs.push(tookMs);
      } catch (cause) {
        faults.push(`after ${answerMs.length} answers: ${cause}`);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

async function askOnce(peer: ModulePeer, timeoutMs: number): Promise<void> {
  const correlationId = crypto.randomUUID();
  const call = { mqkey: "openapi.heartbeat.agentInfo", mqtype: "call", mqbody: { ip: IP } };
  await peer.send(call, { replyTo: true, correlationId });
  const isMine = ({ message }: PeerReply) => message.properties.correlationId === correlationId;
  const { json } = await waitFor(() => peer.replies.find(isMine), { timeoutMs, what: "the answer to the module" });
  peer.replies.length = 0;
  const { flag, result } = json.mqbody;
  assert.deepEqual([flag, result.ip, result.asset, result.apps], ["true", IP, "bystander", { app1: "1.0.1" }]);
}

async function beatOnce(address: BeatAddress): Promise<void> {
  const { text } = await beat(address, AGENT, { timeoutMs: PATIENCE_MS });
  assert.equal(text, '{"data":{"app1":"1.0.1"}}');
}
