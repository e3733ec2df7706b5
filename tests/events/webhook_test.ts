import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { systemClock } from "../../src/clock.ts";
import { EventDispatcher } from "../../src/events/dispatcher.ts";
import { eventRow } from "../../src/events/row.ts";
import type { Delivery } from "../../src/events/sink.ts";
import { Webhook, type WebhookOptions } from "../../src/events/webhook.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { agentEventOf, eventsOf, idsOf } from "./events.ts";
import { closeConnection, endless, hang, type Reaction, type Received, Receiver, status } from "./receiver.ts";

const SECRET = "hb-webhook-secret";
const EVENTS = eventsOf(3);
const never = new AbortController().signal;

function webhookTo(receiver: Receiver, options: Partial<WebhookOptions> = {}): Webhook {
  return new Webhook({ url: `http://${receiver.host}/hook?team=ops`, clock: new FakeClock(), ...options });
}

function idsIn({ body }: Received): string[] {
  return JSON.parse(body).events.map(({ id }: { id: string }) => id);
}

function faultOf(delivery: Delivery): string {
  return "fault" in delivery ? delivery.fault ?? "" : "";
}

/** Checks a signature as a receiver would that has read the documentation only. */
function verify({ headers, body }: Received): boolean {
  const expected = createHmac("sha256", SECRET).update(`${headers.get("x-elves-timestamp")}.${body}`).digest("hex");
  return headers.get("x-elves-signature") === `sha256=${expected}`;
}

Deno.test("Webhook posts rows with their kinds, the time and a signature over both", async () => {
  await using receiver = new Receiver();
  const events = [agentEventOf(1, "agentOffline"), { ...agentEventOf(2, "agentOnline"), asset: "机架-7 “€”" }];
  assert.deepEqual(await webhookTo(receiver, { secret: SECRET }).deliver(events, never), { outcome: "delivered" });
  const [request] = receiver.received as [Received];
  assert.deepEqual([request.method, request.url], ["POST", "/hook?team=ops"]);
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("x-elves-timestamp"), String(Date.UTC(2026, 0, 2, 3, 4, 5) / 1000));
  assert.equal(request.headers.get("authorization"), null);
  assert.deepEqual(JSON.parse(request.body), {
    time: "2026-01-02T03:04:05.000Z",
    events: events.map((event) => ({ kind: event.kind, ...eventRow(event) })),
  });
  assert.equal(verify(request), true);
  assert.equal(verify({ ...request, body: `${request.body} ` }), false);
  const headers = new Headers(request.headers);
  headers.set("x-elves-timestamp", "1");
  assert.equal(verify({ ...request, headers }), false);
});

Deno.test("Webhook without a secret signs nothing", async () => {
  await using receiver = new Receiver();
  await webhookTo(receiver).deliver(EVENTS, never);
  assert.equal(receiver.received[0]?.headers.get("x-elves-signature"), null);
});

Deno.test("Webhook sends user and password of its address as basic authentication", async () => {
  await using receiver = new Receiver();
  const webhook = webhookTo(receiver, { url: `http://hook%40ops:p%C3%A4ss:1@${receiver.host}/` });
  assert.deepEqual(await webhook.deliver(EVENTS, never), { outcome: "delivered" });
  const [scheme, text = ""] = receiver.received[0]?.headers.get("authorization")?.split(" ") ?? [];
  assert.equal(scheme, "Basic");
  assert.equal(new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))), "hook@ops:päss:1");
});

Deno.test("Webhook tells by the answer whether to repeat, to split or to drop", async () => {
  const outcomes: [Reaction, Delivery["outcome"], number?][] = [
    [status(200), "delivered"],
    [status(202), "delivered"],
    [endless, "delivered"],
    [status(302, { "Location": "/elsewhere" }), "refused"],
    [status(400), "refused"],
    [status(401), "refused"],
    [status(404), "refused"],
    [status(410), "refused"],
    [status(413), "too_large"],
    [status(408), "retry"],
    [status(429), "retry"],
    [status(429, { "Retry-After": "7" }), "retry", 7_000],
    [status(429, { "Retry-After": "0" }), "retry", 500],
    [status(429, { "Retry-After": "99999" }), "retry", 300_000],
    [status(429, { "Retry-After": "soon" }), "retry"],
    [status(503, { "Retry-After": "Fri, 02 Jan 2026 03:04:25 GMT" }), "retry", 20_000],
    [status(500), "retry"],
    [status(599), "retry"],
    [hang, "retry"],
    [closeConnection, "retry"],
  ];
  await using receiver = new Receiver();
  const webhook = webhookTo(receiver, { timeoutMs: 300 });
  for (const [reaction, outcome, afterMs] of outcomes) {
    receiver.script.push(reaction);
    const delivery = await webhook.deliver(EVENTS, never);
    assert.equal(delivery.outcome, outcome);
    if (delivery.outcome === "retry") assert.equal(delivery.afterMs, afterMs);
    if (outcome !== "delivered") assert.ok(faultOf(delivery).startsWith(receiver.host), faultOf(delivery));
  }
  assert.equal(receiver.received.length, outcomes.length);
  assert.ok(receiver.received.every(({ url }) => url === "/hook?team=ops"));
});

Deno.test("Webhook ends a request that nobody waits for any more", async () => {
  await using receiver = new Receiver();
  receiver.script.push(hang);
  const stop = new AbortController();
  const delivery = webhookTo(receiver).deliver(EVENTS, stop.signal);
  await waitFor(() => receiver.received.length === 1, { timeoutMs: 5_000, what: "the request" });
  stop.abort();
  assert.equal((await delivery).outcome, "retry");
});

Deno.test("Webhook says what failed without its address, password or secret", async () => {
  const receiver = new Receiver();
  const url = `http://ops:hidden1@${receiver.host}/(hidden2)/x?key=hidden3`;
  const webhook = webhookTo(receiver, { url, secret: "hidden4" });
  receiver.script.push(closeConnection);
  const closed = await webhook.deliver(EVENTS, never);
  receiver.script.push(status(401));
  const refused = await webhook.deliver(EVENTS, never);
  await receiver[Symbol.asyncDispose]();
  const unreachable = await webhook.deliver(EVENTS, never);
  for (const delivery of [closed, refused, unreachable]) {
    assert.ok(faultOf(delivery).startsWith(receiver.host));
    assert.doesNotMatch(faultOf(delivery), /hidden/);
  }
  assert.match(faultOf(unreachable), /refused/i);
});

Deno.test("Webhook through a bad day of its receiver: every event once, in order, what is refused is counted", async () => {
  await using receiver = new Receiver();
  using log = new MemoryLog();
  const sent: string[] = [];
  const webhook = webhookTo(receiver, { secret: SECRET, clock: systemClock, timeoutMs: 300 });
  const onSent = (events: readonly FleetEvent[]) => sent.push(...events.map(({ id }) => id));
  const dispatcher = new EventDispatcher({
    ...{ sinks: [webhook], log: log.logger, clock: systemClock, random: () => 0, onSent },
  });
  const taken: Received[] = [];
  const take: Reaction = (connection, request) => {
    taken.push(request);
    return status(200)(connection, request);
  };
  // 1,800 events are four messages; the second is refused for good and the third split.
  receiver.script.push(status(500), closeConnection, hang, status(429, { "Retry-After": "0" }), take);
  receiver.script.push(status(400), status(413), take, take, take);
  const events = eventsOf(1800);
  try {
    dispatcher.enqueue(events);
    dispatcher.start();
    await waitFor(() => sent.length === 1800, { timeoutMs: 20_000, what: "all events to be done with" });
  } finally {
    await dispatcher.stop();
  }
  assert.deepEqual(taken.map((request) => idsIn(request).length), [500, 250, 250, 300]);
  assert.deepEqual(taken.flatMap(idsIn), idsOf([...events.slice(0, 500), ...events.slice(1000)]));
  for (const request of receiver.received) assert.equal(verify(request), true);
  assert.deepEqual(dispatcher.stats.webhook, {
    queued: 0,
    oldestAtMs: undefined,
    delivered: 1300,
    messages: 4,
    retries: 4,
    dropped: { overflow: 0, refused: 500 },
  });
  assert.equal(log.matching(/webhook takes no events, 1800 wait and it is tried again: .* answers 500/).length, 1);
  assert.equal(log.matching(/webhook refuses 500 events, they are dropped: .* answers 400/).length, 1);
  assert.deepEqual(log.matching(new RegExp(SECRET)), []);
});
