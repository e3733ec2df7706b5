import assert from "node:assert/strict";
import { print } from "../e2e/print.ts";
import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { residentBytes } from "../support/process_stats.ts";
import { waitFor } from "../support/wait_for.ts";
import { Bystanders } from "./bystanders.ts";
import { Crowd, loopbackAliases } from "./crowd.ts";
import { attackedSettings, descriptorLimit, figuresOf, type Stage } from "./stage.ts";

const WANTED = 20_000;
/** Descriptors that service and crowd need besides. */
const OTHER_DESCRIPTORS = 400;
/** The default of thrift.maxConnectionsPerIp. */
const PER_ADDRESS = 64;
/** The most memory that an idle connection may hold, bytes; 7 KiB were measured. */
const BYTES_PER_CONNECTION = 20 * 1024;

/** 20,000 connections from one address. */
export async function oneAddress({ rabbit }: Stage): Promise<void> {
  await using service = await startBinary({ config: attackedSettings(rabbit) });
  const address = { hostname: "127.0.0.1", port: service.port };
  await using bystanders = await Bystanders.join(address, rabbit);
  await using crowd = new Crowd({ address, from: ["127.9.9.9"], count: WANTED });
  const rest = WANTED - PER_ADDRESS;
  await crowd.is("all but 64 to be closed", ({ tried, closed }) => tried === WANTED && closed >= rest);
  await bystanders.served("20,000 connections from one address");
  assert.deepEqual([crowd.state.open, crowd.state.failed], [PER_ADDRESS, 0]);
  const figures = await figuresOf(service);
  assert.equal(figures.value('elves_heartbeat_beat_refusals_total{reason="too_many_connections_of_address"}'), rest);
  assert.equal(service.logs.filter((line) => line.includes("too_many_connections_of_address")).length, 1);
}

/** As many connections as there may be, from many addresses, twice: the second time takes no more memory. */
export async function manyAddresses({ rabbit }: Stage): Promise<void> {
  // Not everybody may raise the limit: where 20,000 files is the hard one, as many as that leaves room for.
  const count = Math.min(WANTED, await descriptorLimit() - OTHER_DESCRIPTORS);
  const config = `${attackedSettings(rabbit)}thrift.maxConnections = ${count + 100}\n`;
  await using service = await startBinary({ config });
  const address = { hostname: "127.0.0.1", port: service.port };
  await using bystanders = await Bystanders.join(address, rabbit);
  const before = await residentBytes(service.pid);
  const full: number[] = [];
  for (const _round of [1, 2]) {
    await using crowd = new Crowd({ address, from: loopbackAliases(Math.ceil(count / 60)), count });
    await crowd.is("all connections", ({ open }) => open === count);
    await waitFor(() => openConnections(service).then((open) => open >= count), {
      timeoutMs: 10_000,
      what: "all to be taken",
    });
    full.push(await residentBytes(service.pid));
  }
  await bystanders.served(`${count} connections from many addresses`);
  await waitFor(() => openConnections(service).then((open) => open === 0), {
    timeoutMs: 30_000,
    what: "the end of all",
  });
  const [first = 0, second = 0] = full;
  const after = await residentBytes(service.pid);
  print(
    `${count} connections: ${
      [before, first, second, after].map((bytes) => Math.round(bytes / 2 ** 20)).join(", ")
    } MiB`,
  );
  assert.ok(first - before < count * BYTES_PER_CONNECTION, `${first - before} bytes for ${count} connections`);
  assert.ok(second < first * 1.25, `${first} bytes at first, then ${second}`);
  const figures = await figuresOf(service);
  assert.equal(figures.value('elves_heartbeat_beat_refusals_total{reason="too_many_connections"}'), 0);
}

async function openConnections(service: BinaryProcess): Promise<number> {
  return (await figuresOf(service)).value("elves_heartbeat_beat_connections_open");
}
