import type { Fleet } from "../../src/fleet/fleet.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { beat, type BeatAddress, type BeatInfo } from "../support/beat_client.ts";

/** An agent as tests need not say it. */
const AGENT: BeatInfo = { ip: "10.0.0.1", asset: "web-1", version: "0.3.3", apps: '{"app1":"1.0.1"}' };

/** One beat over the real port. */
export async function sendBeat(address: BeatAddress, agent: Partial<BeatInfo> = {}): Promise<void> {
  await beat(address, { ...AGENT, ...agent });
}

/** Lets agents 10.x.y.z, web-0 and so on, beat within the process, as a hundred thousand connections would take long. */
export function fill(fleet: Fleet, count: number, clock: Clock = systemClock): void {
  for (let i = 0; i < count; i++) fleet.beat({ ...AGENT, ip: addressOf(i), asset: `web-${i}` }, instant(clock));
}

/** The address of the agent with this number. */
export function addressOf(i: number): string {
  return `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
}

function instant(clock: Clock): { monotonic: number; wall: number } {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}
