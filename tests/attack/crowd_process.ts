/**
 * Many connections of one process, from chosen source addresses. Its argument is a {@link CrowdPlan}; every quarter of a
 * second it prints a {@link CrowdState}, and it ends when its standard input does.
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import type { CrowdPlan, CrowdState } from "./crowd.ts";

/** How many connections are under way at a time: more than a server's backlog would only time out. */
const AT_ONCE = 100;
/** How often one more byte is sent where that is the plan, ms. */
const DRIP_MS = 1_000;
const STATE_MS = 250;

const plan: CrowdPlan = JSON.parse(Deno.args[0] ?? "");
const first = Buffer.from(plan.first ?? "", "base64");
const drip = Buffer.from(plan.drip ?? "", "base64");
const state: CrowdState = { tried: 0, failed: 0, open: 0, closed: 0, received: 0 };
const sockets = new Set<Socket>();

function open(from: string): Promise<void> {
  const { hostname: host, port } = plan.address;
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress: from });
    let isOpen = false;
    socket.on("connect", () => {
      isOpen = true;
      state.open++;
      sockets.add(socket);
      if (first.length > 0) socket.write(first);
      resolve();
    });
    socket.on("data", (bytes) => state.received += bytes.length);
    // The end follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      if (isOpen) {
        state.open--;
        state.closed++;
      } else state.failed++;
      resolve();
    });
  });
}

function print(): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(state)}\n`));
}

async function work(): Promise<void> {
  while (state.tried < plan.count) {
    const from = plan.from[state.tried++ % plan.from.length] ?? "127.0.0.1";
    await open(from);
  }
}

setInterval(print, STATE_MS);
if (drip.length > 0) {
  let dripped = 0;
  setInterval(() => {
    const byte = drip.subarray(dripped % drip.length, dripped % drip.length + 1);
    dripped++;
    for (const socket of sockets) socket.write(byte);
  }, DRIP_MS);
}
void Promise.all(Array.from({ length: AT_ONCE }, work));
await Deno.stdin.readable.pipeTo(new WritableStream());
Deno.exit(0);
