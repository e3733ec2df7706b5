/**
 * The baseline for beats: a server on npm:thrift, as the Thrift compiler would generate it, that keeps each agent's
 * last beat in a map and answers with a ready text. It does less than the product: no validation, no limits, no expiry.
 */
import thrift from "thrift";
import { LOCAL_APPS } from "./product.ts";

const { Type, MessageType } = thrift.Thrift;
const ANSWER = JSON.stringify({ data: LOCAL_APPS });
const METHOD = "heartbeatPackage";

interface Seen {
  asset: string;
  version: string;
  apps: string;
  lastBeatMs: number;
}

const fleet = new Map<string, Seen>();

type Protocol = InstanceType<typeof thrift.TBinaryProtocol>;

class Processor {
  process(input: Protocol, output: Protocol): void {
    const { fname, rseqid } = input.readMessageBegin();
    if (fname !== METHOD) throw new Error(`no method ${fname}`);
    const info = readArguments(input);
    input.readMessageEnd();
    fleet.set(info[1] ?? "", {
      asset: info[0] ?? "",
      version: info[2] ?? "",
      apps: info[3] ?? "",
      lastBeatMs: performance.now(),
    });
    output.writeMessageBegin(METHOD, MessageType.REPLY, rseqid);
    output.writeStructBegin("HeartbeatService_heartbeatPackage_result");
    output.writeFieldBegin("success", Type.STRING, 0);
    output.writeString(ANSWER);
    output.writeFieldEnd();
    output.writeFieldStop();
    output.writeStructEnd();
    output.writeMessageEnd();
    output.flush();
  }
}

function readArguments(input: Protocol): string[] {
  let info: string[] = [];
  input.readStructBegin();
  for (;;) {
    const { ftype, fid } = input.readFieldBegin();
    if (ftype === Type.STOP) break;
    if (fid === 1 && ftype === Type.STRUCT) info = readInfo(input);
    else input.skip(ftype);
    input.readFieldEnd();
  }
  input.readStructEnd();
  return info;
}

function readInfo(input: Protocol): string[] {
  const info: string[] = [];
  input.readStructBegin();
  for (;;) {
    const { ftype, fid } = input.readFieldBegin();
    if (ftype === Type.STOP) break;
    if (ftype === Type.STRING) info[fid - 1] = input.readString();
    else input.skip(ftype);
    input.readFieldEnd();
  }
  input.readStructEnd();
  return info;
}

const server = thrift.createServer(Processor, {}, {
  transport: thrift.TBufferedTransport,
  protocol: thrift.TBinaryProtocol,
});
server.listen(0, "127.0.0.1", () => {
  const line = `beats on 127.0.0.1:${server.address().port}\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(line));
});
