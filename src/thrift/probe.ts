import { MessageType, VERSION_1 } from "./wire.ts";

/** How long the other side may take to answer, ms. */
const TIMEOUT_MS = 2_000;
/** A method that no service has. */
const METHOD = "elvesHeartbeatCheck";

/** What listens at an address: nothing, something that speaks Thrift (so probably this service), or something else. */
export type Listener = "nobody" | "thrift" | "other";

/** Finds out what listens at an address by calling a method that does not exist, which changes nothing there. */
export async function probeBeatPort(hostname: string, port: number): Promise<Listener> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname, port });
  } catch {
    return "nobody";
  }
  const timer = setTimeout(() => connection.close(), TIMEOUT_MS);
  try {
    await connection.write(unknownCall());
    const header = new Uint8Array(4);
    const length = await connection.read(header);
    const word = new DataView(header.buffer).getInt32(0);
    return length === 4 && word === (VERSION_1 | MessageType.EXCEPTION) ? "thrift" : "other";
  } catch {
    // Cut, or closed by the timer: whatever it is, it does not speak Thrift.
    return "other";
  } finally {
    clearTimeout(timer);
    closeQuietly(connection);
  }
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.BadResource)) throw cause;
  }
}

/** A strict call header with an empty argument struct. */
function unknownCall(): Uint8Array {
  const bytes = new Uint8Array(4 + 4 + METHOD.length + 4 + 1);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, VERSION_1 | MessageType.CALL);
  view.setInt32(4, METHOD.length);
  new TextEncoder().encodeInto(METHOD, bytes.subarray(8));
  return bytes;
}
