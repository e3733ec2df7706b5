/** A beat server that is started where it may open only a few files; it ends when its standard input does. */
import { FaultLog, openLog } from "../../src/log.ts";
import { BeatServer } from "../../src/thrift/server.ts";

const utf8 = new TextEncoder();
const print = (line: string) => void Deno.stdout.writeSync(utf8.encode(line));
const logger = openLog({ level: "debug", format: "text", journal: false, write: print });
const service = { heartbeatPackage: () => utf8.encode('{"data":{}}') };
const faults = new FaultLog(logger, () => performance.now());
const server = new BeatServer(service, faults, { hostname: "127.0.0.1", port: 0 });
server.listen();
print(`listening ${server.address.port}\n`);
await Deno.stdin.readable.pipeTo(new WritableStream());
await server.stop(100);
