/** Where a server listens. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Sends bytes as they are, which no HTTP client would send, and reads what comes until the server closes.
 * @param request its head must say `Connection: close`, unless the server closes anyway
 */
export async function rawRequest(address: Address, request: string): Promise<RawAnswer> {
  const connection = await Deno.connect({ hostname: address.hostname, port: address.port });
  try {
    const bytes = new TextEncoder().encode(request);
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(16_384);
    let text = "";
    for (let count = await connection.read(chunk); count !== null; count = await connection.read(chunk)) {
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
    }
    return parseAnswer(text);
  } finally {
    connection.close();
  }
}

/** Reads the text of one whole answer; its status is NaN where that is none. */
export function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  const [status = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Headers(lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  }));
  return { status: Number(status.split(" ")[1]), headers, body: text.slice(end + 4) };
}
