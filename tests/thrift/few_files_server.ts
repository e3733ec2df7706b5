/** A beat port that is started where it may open only a few files, with so many workers; it ends when its input does. */
import { catalogForAll } from "../../src/apps/catalog.ts";
import { systemClock as clock } from "../../src/clock.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { FaultLog, openLog } from "../../src/log.ts";
import { Slices } from "../../src/slices.ts";
import { HeartbeatService } from "../../src/thrift/heartbeat_service.ts";
import { BeatServer } from "../../src/thrift/server.ts";
import { BeatWorkers } from "../../src/thrift/workers/beat_workers.ts";
import { fleetOptions } from "../support/fleet_options.ts";

const print = (line: string) => void Deno.stdout.writeSync(new TextEncoder().encode(line));
const workers = Number(Deno.args[0]);
const log = openLog({ level: "debug", format: "text", journal: false, write: print });
const parts = { fleet: new Fleet(fleetOptions()), catalog: { current: catalogForAll({}) }, clock };
const options = { hostname: "127.0.0.1", port: 0, onStarved: () => print("starved\n") };
const port = workers === 0
  ? new BeatServer(new HeartbeatService(parts), new FaultLog(log, () => clock.monotonic()), options)
  : new BeatWorkers({ ...options, workers }, { ...parts, slices: new Slices(), log });
await port.listen();
print(`listening ${port.address.port}\n`);
await Deno.stdin.readable.pipeTo(new WritableStream());
await port.stop(100);
