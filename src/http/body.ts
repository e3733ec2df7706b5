import { Problem } from "./problem.ts";

/** The largest body that is read, bytes. */
const MAX_BYTES = 64 * 1024;
/** How long a body may take to come, ms. */
const READ_MS = 5_000;

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

/**
 * Reads and parses the body of a request.
 * @param form whether a form is taken besides JSON; its fields come as an object
 * @returns undefined where there is none
 * @throws {Problem} 415 for another type, 413 for a large one, 408 for a slow one, 400 for what cannot be parsed
 */
export async function readBody(request: Request, { form = false } = {}): Promise<unknown> {
  if (request.body === null) return undefined;
  const type = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  const isForm = form && type === FORM_TYPE;
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BYTES) throw tooLarge();
  const text = utf8(await bytesOf(request.body));
  // A request without a body may come with an empty one.
  if (text === "") return undefined;
  if (type !== JSON_TYPE && !isForm) {
    throw new Problem(415, `the body must be ${JSON_TYPE}, ${type === "" ? "no type" : JSON.stringify(type)} came`);
  }
  return isForm ? Object.fromEntries(new URLSearchParams(text)) : parsed(text);
}

async function bytesOf(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = body.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {});
  }, READ_MS);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      length += part.value.length;
      if (length > MAX_BYTES) throw tooLarge();
      chunks.push(part.value);
    }
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    if (!isLate) throw new Problem(400, "the body ended before its end");
  } finally {
    clearTimeout(timer);
    // What is left of it is not read; the connection ends then. A body that broke off cannot be cancelled, nor need be.
    reader.cancel().catch(() => {});
  }
  if (isLate) throw new Problem(408, `the body must come within ${READ_MS / 1000} s`);
  return joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Problem(400, "the body must be UTF-8");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new Problem(400, "the body must be JSON");
  }
}

function tooLarge(): Problem {
  return new Problem(413, `the body must have at most ${MAX_BYTES} bytes`);
}
