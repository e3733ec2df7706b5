import thrift from "thrift";
import type { BeatAddress, BeatInfo } from "../support/beat_client.ts";

/** An agent on `npm:thrift`: the library's own sockets, transport and protocol, with what its compiler would generate. */

/** What of the library's protocol classes is used here. */
interface Protocol {
  writeMessageBegin(name: string, type: number, seqid: number): void;
  writeMessageEnd(): void;
  writeStructBegin(name: string): void;
  writeFieldBegin(name: string, type: number, id: number): void;
  writeFieldEnd(): void;
  writeFieldStop(): void;
  writeStructEnd(): void;
  writeString(text: string): void;
  readStructBegin(): void;
  readFieldBegin(): { ftype: number; fid: number };
  readFieldEnd(): void;
  readStructEnd(): void;
  readMessageEnd(): void;
  readString(): string;
  skip(type: number): void;
}

interface Transport {
  flush(): void;
  setCurrSeqId(seqid: number): void;
}

type Callback = (error: Error | null, text?: string) => void;

const { Type, MessageType, TApplicationException } = thrift.Thrift;

class HeartbeatServiceClient {
  readonly _reqs: Record<number, Callback> = {};
  #seqid = 0;
  readonly #output: Transport;
  readonly #Protocol: new (transport: Transport) => Protocol;

  constructor(output: Transport, protocol: new (transport: Transport) => Protocol) {
    this.#output = output;
    this.#Protocol = protocol;
  }

  call(method: string, info: BeatInfo | undefined): Promise<string> {
    const seqid = ++this.#seqid;
    return new Promise((resolve, reject) => {
      this._reqs[seqid] = (error, text) => error === null ? resolve(text ?? "") : reject(error);
      const output = new this.#Protocol(this.#output);
      this.#output.setCurrSeqId(seqid);
      output.writeMessageBegin(method, MessageType.CALL, seqid);
      output.writeStructBegin(`HeartbeatService_${method}_args`);
      if (info !== undefined) writeInfo(output, info);
      output.writeFieldStop();
      output.writeStructEnd();
      output.writeMessageEnd();
      this.#output.flush();
    });
  }

  recv_heartbeatPackage(input: Protocol, type: number, seqid: number): void {
    const callback = this._reqs[seqid]!;
    delete this._reqs[seqid];
    if (type === MessageType.EXCEPTION) {
      const exception = new TApplicationException();
      exception[Symbol.for("read")](input);
      input.readMessageEnd();
      callback(exception);
      return;
    }
    const text = readResult(input);
    input.readMessageEnd();
    callback(null, text);
  }

  /** A method that the service does not have. */
  recv_agentCount(input: Protocol, type: number, seqid: number): void {
    this.recv_heartbeatPackage(input, type, seqid);
  }
}

function writeInfo(output: Protocol, { asset, ip, version, apps }: BeatInfo): void {
  output.writeFieldBegin("info", Type.STRUCT, 1);
  output.writeStructBegin("AgentInfo");
  for (const [index, text] of [asset, ip, version, apps].entries()) {
    output.writeFieldBegin(["id", "ip", "version", "apps"][index]!, Type.STRING, index + 1);
    output.writeString(text);
    output.writeFieldEnd();
  }
  output.writeFieldStop();
  output.writeStructEnd();
  output.writeFieldEnd();
}

function readResult(input: Protocol): string {
  let result = "";
  input.readStructBegin();
  for (let field = input.readFieldBegin(); field.ftype !== Type.STOP; field = input.readFieldBegin()) {
    if (field.fid === 0 && field.ftype === Type.STRING) result = input.readString();
    else input.skip(field.ftype);
    input.readFieldEnd();
  }
  input.readStructEnd();
  return result;
}

/** The library's protocol with the old message header. */
class NonStrictProtocol extends thrift.TBinaryProtocol {
  constructor(transport: unknown) {
    super(transport, false, false);
  }
}

/** A client of the library on a connection of its own; `call` rejects with the library's TApplicationException. */
export class NpmClient implements AsyncDisposable {
  readonly #connection;
  readonly #client: HeartbeatServiceClient;

  /** @param options `ca`: the authority (PEM) of the server's certificate, for a connection over TLS */
  constructor({ hostname, port }: BeatAddress, { strict = true, ca }: { strict?: boolean; ca?: string } = {}) {
    const options = {
      transport: thrift.TBufferedTransport,
      protocol: strict ? thrift.TBinaryProtocol : NonStrictProtocol,
      max_attempts: 1,
    };
    this.#connection = ca === undefined
      ? thrift.createConnection(hostname, port, options)
      : thrift.createSSLConnection(hostname, port, { ...options, ca });
    this.#client = thrift.createClient(HeartbeatServiceClient, this.#connection);
  }

  beat(info: BeatInfo): Promise<string> {
    return this.#client.call("heartbeatPackage", info);
  }

  /** Calls without an argument. */
  call(method: "heartbeatPackage" | "agentCount"): Promise<string> {
    return this.#client.call(method, undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#connection.connection.once("close", () => resolve()));
    this.#connection.end();
    await closed;
  }
}
