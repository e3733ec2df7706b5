import { beatCall } from "../support/beat_client.ts";

/** The method that agents call. */
export const METHOD = "heartbeatPackage";

/** The length of the longest address of {@link call}. */
const LONGEST_IP = "10.255.255.255".length;

const calls: Uint8Array<ArrayBuffer>[] = [];

/**
 * The call of one agent of a fleet in which every agent has an address, a name and three apps of its own. All calls are
 * of one length, for a baseline that does not read them.
 */
export function call(agent: number): Uint8Array<ArrayBuffer> {
  return calls[agent] ??= newCall(agent);
}

function newCall(agent: number): Uint8Array<ArrayBuffer> {
  const digits = (value: number) => String(value).padStart(2, "0");
  const apps = [0, 1, 2].map((i) => [
    `app${digits((agent * 7 + i * 13) % 41)}`,
    `1.${agent % 10}.${digits((agent * 31 + i) % 97)}`,
  ]);
  const ip = `10.${agent >> 16}.${(agent >> 8) & 0xff}.${agent & 0xff}`;
  return beatCall({
    ip,
    asset: `CX${String(agent).padStart(7, "0")}`,
    version: `0.3.${"3".repeat(1 + LONGEST_IP - ip.length)}`,
    apps: JSON.stringify(Object.fromEntries(apps)),
  });
}

/** The length of every call, bytes. */
export const CALL_BYTES = newCall(0).length;
