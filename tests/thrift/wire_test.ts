import { FaultLog } from "../../src/log.ts";
import { BeatServer } from "../../src/thrift/server.ts";
import type { AgentInfo } from "../../src/thrift/service.ts";
import { ApplicationError, ApplicationErrorType } from "../../src/thrift/service.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { wireTests } from "./wire_suite.ts";

const APPS = new TextEncoder().encode('{"data":{"testApp":"1.0.1"}}');

wireTests({
  name: "BeatServer",
  start() {
    const log = new MemoryLog();
    let last: AgentInfo = { asset: "", ip: "", version: "", apps: "" };
    const service = {
      heartbeatPackage(info: AgentInfo): Uint8Array {
        last = info;
        if (info.ip === "") throw new ApplicationError(ApplicationErrorType.PROTOCOL_ERROR, "no ip");
        return APPS;
      },
    };
    const faults = new FaultLog(log.logger, () => performance.now());
    const server = new BeatServer(service, faults, { hostname: "127.0.0.1", port: 0 });
    server.listen();
    return Promise.resolve({
      ...server.address,
      lastBeat: () => last,
      async [Symbol.asyncDispose]() {
        await server.stop(1_000);
        log[Symbol.dispose]();
      },
    });
  },
});
