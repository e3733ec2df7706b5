// A process that writes to a store under load until it is killed, and says what was acknowledged:
// `stored N` for each transaction N that is on disk, in which agents 0 to 199 and one event tell N.
import { Store } from "../../src/store/store.ts";
import { systemClock } from "../../src/clock.ts";
import { openLog, writeToStderr } from "../../src/log.ts";
import { agents, batch, event } from "./harness.ts";

const [dir = "", first = "1"] = Deno.args;
const log = openLog({ level: "info", format: "text", journal: false, write: writeToStderr });
const { store } = await Store.open({ dir, log, clock: systemClock, instance: crypto.randomUUID() });
for (let n = Number(first);; n++) {
  const written = store.write(batch({ agents: agents(200, { lastSeenMs: n }), events: [event(0, { id: `e${n}` })] }));
  // Sometimes two at once, so that they wait together and go in one transaction.
  if (n % 3 === 0) continue;
  if (await written) Deno.stdout.writeSync(new TextEncoder().encode(`stored ${n}\n`));
  else await new Promise((resolve) => setTimeout(resolve, 50));
}
