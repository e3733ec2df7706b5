/**
 * The floor of the runtime: accepts, reads, writes and closes, and does nothing else. It knows how long a call is
 * instead of reading it, and answers with ready bytes, as many as the product does.
 */
import { ReplyWriter } from "../../src/thrift/encoder.ts";
import { CALL_BYTES, METHOD } from "./beat_calls.ts";
import { LOCAL_APPS } from "./product.ts";

const BUFFER_BYTES = 1024;

const writer = new ReplyWriter();
writer.reply({ method: METHOD, seqid: 1 }, new TextEncoder().encode(JSON.stringify({ data: LOCAL_APPS })));
const REPLY = writer.take();

async function serve(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  let arrived = 0;
  for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
    arrived += count;
    if (arrived < CALL_BYTES) continue;
    arrived -= CALL_BYTES;
    await connection.write(REPLY);
  }
  connection.close();
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
Deno.stdout.writeSync(new TextEncoder().encode(`beats on 127.0.0.1:${listener.addr.port}\n`));
for (;;) serve(await listener.accept());
