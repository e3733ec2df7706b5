import assert from "node:assert/strict";
import type { Channel } from "amqplib";
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { LARGE_BYTES, type OutgoingReply, Replies } from "../../src/mq/replies.ts";
import { MqStats } from "../../src/mq/stats.ts";
import { nowhere } from "./nowhere.ts";

/** As much of a channel as publishing needs; `room` is how many messages fit into its buffer. */
class StubChannel extends EventEmitter {
  readonly published: string[] = [];
  room = Infinity;

  publish(_exchange: string, routingKey: string): boolean {
    this.published.push(routingKey);
    return --this.room > 0;
  }
}

function bench() {
  const stats = new MqStats();
  const time = { now: 0 };
  const refused: string[] = [];
  const replies = new Replies({
    stats,
    now: () => time.now,
    endpoint: nowhere,
    onRefused: (fault) => refused.push(fault),
  });
  const channel = new StubChannel();
  replies.connect();
  replies.use(channel as unknown as Channel);
  return { stats, time, replies, channel, refused };
}

function reply(routingKey: string, content = "x"): OutgoingReply {
  return {
    exchange: "",
    routingKey,
    correlationId: undefined,
    content: Buffer.from(content),
    deadlineMs: 5_000,
    tooLarge: () => Buffer.from("too large"),
  };
}

Deno.test("Replies keeps answers in order while the buffer is full, and sends them when it drains", () => {
  const { replies, channel, stats } = bench();
  channel.room = 2;
  for (const key of ["a", "b", "c", "d"]) replies.send(reply(key));
  assert.deepEqual(channel.published, ["a", "b"]);
  channel.room = Infinity;
  channel.emit("drain");
  assert.deepEqual(channel.published, ["a", "b", "c", "d"]);
  assert.equal(stats.replies, 4);
});

Deno.test("Replies drops the oldest of more than a thousand that wait, and counts them", () => {
  const { replies, channel, stats } = bench();
  replies.block(true);
  for (let i = 0; i < 1_003; i++) replies.send(reply(String(i)));
  assert.equal(stats.repliesLost.overflow, 3);
  replies.block(false);
  assert.equal(channel.published.length, 1_000);
  assert.equal(channel.published[0], "3");
});

Deno.test("Replies drops what waited beyond its deadline and sends what waited up to it", () => {
  const { replies, channel, stats, time } = bench();
  replies.block(true);
  replies.send({ ...reply("late"), deadlineMs: 999 });
  replies.send({ ...reply("in time"), deadlineMs: 1_000 });
  time.now = 1_000;
  replies.block(false);
  assert.deepEqual(channel.published, ["in time"]);
  assert.equal(stats.repliesLost.expired, 1);
});

Deno.test("Replies counts answers of a lost connection and sends none of them later", async () => {
  const { replies, channel, stats } = bench();
  replies.block(true);
  replies.send(reply("waiting"));
  const sent = replies.sent();
  replies.disconnect();
  await sent;
  replies.send(reply("after"));
  replies.connect();
  replies.use(channel as unknown as Channel);
  assert.deepEqual(channel.published, []);
  assert.equal(stats.repliesLost.closed, 2);
});

Deno.test("Replies keeps answers while the broker has closed the channel", () => {
  const { replies, channel } = bench();
  channel.emit("close");
  replies.send(reply("a"));
  const fresh = new StubChannel();
  replies.use(fresh as unknown as Channel);
  assert.deepEqual([channel.published, fresh.published], [[], ["a"]]);
});

Deno.test("Replies counts and tells of a large answer for which there is no connection, and goes on", async () => {
  const { replies, channel, stats, refused } = bench();
  replies.send(reply("large", "x".repeat(LARGE_BYTES + 1)));
  replies.send(reply("small"));
  await replies.sent();
  assert.deepEqual([stats.repliesLost.closed, stats.replies, channel.published], [1, 1, ["small"]]);
  assert.match(refused.join("\n"), /^127\.0\.0\.1:\d+: nothing listens there/);
  await replies.close();
});

Deno.test("Replies gives up the large answers of a lost connection at once", async () => {
  const { replies, stats, refused } = bench();
  const body = replies.beginList();
  body.append("[]", 1);
  const { content: _, ...rest } = reply("large");
  replies.send({ ...rest, content: { body, before: "", after: "" } });
  replies.disconnect();
  await replies.sent();
  assert.equal(stats.repliesLost.closed, 1);
  replies.send({ ...rest, content: { body: replies.beginList(), before: "", after: "" } });
  assert.equal(stats.repliesLost.closed, 2);
  await replies.close();
  assert.deepEqual(refused, []);
});
