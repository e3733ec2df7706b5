import assert from "node:assert/strict";
import { type StatusFacts, statusLine } from "../../src/systemd/status_line.ts";

const WELL: StatusFacts = {
  agents: { online: 1_204, suspect: 3, offline: 17 },
  beats: { per_second: 240.4 },
  warming: false,
  guard: { on: false },
  catalog: { known: true, held: null },
  mq: { state: "up" },
  zookeeper: { state: "registered" },
  store: { state: "ok" },
};

Deno.test("statusLine has the fleet, the rate and the peers", () => {
  const line = "1,204 online, 3 suspect, 17 offline; 240 beats/s; RabbitMQ up; ZooKeeper registered";
  assert.equal(statusLine(WELL), line);
});

Deno.test("statusLine tells what is out of order, and leaves out what is not used", () => {
  const cases: [change: Partial<StatusFacts>, part: RegExp][] = [
    [{ beats: { per_second: 0.25 } }, /; 0\.3 beats\/s;/],
    [{ beats: { per_second: 12_345.6 } }, /; 12,346 beats\/s;/],
    [{ mq: { state: "down" } }, /; RabbitMQ down;/],
    [{ zookeeper: { state: "disabled" } }, /RabbitMQ up$/],
    [{ store: { state: "failing" } }, /; store failing$/],
    [{ guard: { on: true } }, /; guard on: overdue agents are held$/],
    [{ catalog: { known: false, held: null } }, /; apps not known yet: agents get exceptions$/],
    [{ catalog: { known: true, held: {} } }, /; a catalog is held: see `apps diff`$/],
    [{ warming: true }, /; warming up$/],
  ];
  for (const [change, part] of cases) assert.match(statusLine({ ...WELL, ...change }), part);
});
