import assert from "node:assert/strict";
import { print } from "../e2e/print.ts";
import { BINARY, type BinaryProcess, startBinary } from "../support/binary.ts";
import { beatCall } from "../support/beat_client.ts";
import { freePort } from "../support/free_port.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { statusOf } from "../support/status_of.ts";
import { waitFor } from "../support/wait_for.ts";
import { Bystanders } from "./bystanders.ts";
import { base64, Crowd, type CrowdPlan, loopbackAliases } from "./crowd.ts";
import { attackedSettings, descriptorsOf, figuresOf, type Stage } from "./stage.ts";

/** How many connections send a byte a second; 50 from each address, below the limit for one. */
const SLOW = 2_000;
/** How many files the service may open under the attack on its HTTP port. */
const FEW_FILES = 1_024;
/** The begin of a request. */
const HALF_HEAD = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

/** Sends calls to the beat port a byte a second. */
export async function slowBeats({ rabbit }: Stage): Promise<void> {
  await using service = await startBinary({ config: `${attackedSettings(rabbit)}thrift.requestTimeout = 3s\n` });
  const address = { hostname: "127.0.0.1", port: service.port };
  await using bystanders = await Bystanders.join(address, rabbit);
  const call = beatCall({ ip: "10.6.6.6", asset: "slow", version: "1", apps: "x".repeat(20_000) });
  await using crowd = new Crowd({
    address,
    from: loopbackAliases(SLOW / 50),
    count: SLOW,
    first: base64(call.subarray(0, 200)),
    drip: base64("x"),
  });
  await crowd.is("all to be cut off", ({ tried, open, closed }) => tried === SLOW && open === 0 && closed === SLOW);
  await bystanders.served("2,000 calls that come a byte a second");
  const figures = await figuresOf(service);
  assert.equal(figures.value('elves_heartbeat_beat_refusals_total{reason="request_timeout"}'), SLOW);
  assert.equal(figures.value('elves_heartbeat_beat_refusals_total{reason="too_many_connections_of_address"}'), 0);
  assert.equal(crowd.state.received, 0);
}

/**
 * Sends the begin of requests to the HTTP port, and no end. The runtime has no deadline for a head and no limit on
 * connections (src/http/server.ts), so they take every descriptor that the process has, and are then closed all at once.
 */
export async function slowRequests({ rabbit }: Stage): Promise<void> {
  await withFewFiles(rabbit, async ({ service, half }) => {
    await using bystanders = await Bystanders.join({ hostname: "127.0.0.1", port: service.port }, rabbit);
    const before = await descriptorsOf(service.pid);
    {
      // As many as there are descriptors for.
      await using crowd = new Crowd({ ...half, count: 800, drip: base64("x") });
      await crowd.is("half requests", ({ open }) => open === 800);
      await waitFor(async () => await descriptorsOf(service.pid) >= before + 800, {
        timeoutMs: 10_000,
        what: "descriptors",
      });
      const asked = performance.now();
      assert.equal(await statusOf(page(half)), 200);
      const tookMs = performance.now() - asked;
      print(
        `800 half requests: ${await descriptorsOf(service.pid) - before} descriptors, page in ${tookMs.toFixed(0)} ms`,
      );
    }
    await endlessRequests(service, half, () => bystanders.beatsOn());
    await bystanders.served("half requests without end");
    await pageBack(half);
  });
}

/** The same where no agent beats, whose connections would be the first to lack a descriptor. */
export async function slowRequestsAlone({ rabbit }: Stage): Promise<void> {
  await withFewFiles(rabbit, async ({ service, half }) => {
    await endlessRequests(service, half);
    await pageBack(half);
  });
}

type HalfRequests = Pick<CrowdPlan, "address" | "from" | "first">;

/** Runs a service that may open {@link FEW_FILES} files, and ends it. */
async function withFewFiles(
  rabbit: RabbitServer,
  run: (there: { service: BinaryProcess; half: HalfRequests }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hb-attack-" });
  try {
    const path = `${folder}/few-files`;
    await Deno.writeTextFile(path, `#!/bin/sh\nulimit -n ${FEW_FILES}\nexec ${BINARY} "$@"\n`, { mode: 0o755 });
    const httpPort = freePort();
    const config = `${attackedSettings(rabbit)}thrift.maxConnections = 500\nhttp.port = ${httpPort}\n`;
    await using service = await startBinary({ config, path });
    const address = { hostname: "127.0.0.1", port: httpPort };
    await run({ service, half: { address, from: loopbackAliases(10), first: base64(HALF_HEAD) } });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** More of them than there are descriptors, again and again, until all are closed. */
async function endlessRequests(service: BinaryProcess, half: HalfRequests, then = () => Promise.resolve()) {
  await using crowd = new Crowd({ ...half, count: 1_000_000 });
  try {
    await service.logged(/the port does not serve any more and is opened again/);
  } catch (cause) {
    const descriptors = await descriptorsOf(service.pid);
    throw new Error(`${descriptors} descriptors, the crowd: ${JSON.stringify(crowd.state)}`, { cause });
  }
  await crowd.is("all to be closed", ({ closed }) => closed >= 900);
  await then();
}

async function pageBack(half: HalfRequests): Promise<void> {
  const answers = () => fetch(page(half)).then(async (answer) => await answer.text() !== "", () => false);
  await waitFor(answers, { timeoutMs: 30_000, what: "the page after the attack" });
}

function page({ address: { hostname, port } }: HalfRequests): string {
  return `http://${hostname}:${port}/`;
}
