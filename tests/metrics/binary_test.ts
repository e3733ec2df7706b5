import assert from "node:assert/strict";
import { startBinary } from "../support/binary.ts";
import { scrape } from "./exposition.ts";
import { promtool } from "./promtool.ts";

const CONFIG = `
mq.ip = 127.0.0.1
mq.port = 1
mq.user = nobody
mq.password = nothing
auth.mode = simple
auth.localAppInfo = {'testApp':'1.0.1'}
`;

Deno.test("elves-heartbeat exports the figures of its process with the permissions that it has", async () => {
  await using service = await startBinary({ config: CONFIG });
  const { text, figures } = await scrape(`http://127.0.0.1:${service.httpPort}`);
  await promtool(["check", "metrics"], text);
  assert.ok(figures.value("process_cpu_seconds_total") > 0);
  assert.ok(figures.value("process_resident_memory_bytes") > 10_000_000);
  assert.ok(figures.value("nodejs_heap_size_used_bytes") < figures.value("elves_heartbeat_heap_limit_bytes"));
  const { runtime } = JSON.parse(await Deno.readTextFile(new URL("../../dist/build.json", import.meta.url)));
  assert.deepEqual([...figures.labelValues("elves_heartbeat_build_info", "runtime") ?? []], [runtime]);
});
