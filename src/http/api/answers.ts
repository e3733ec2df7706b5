import { errorText } from "../../error_text.ts";
import { StoreFault } from "../../store/store.ts";
import { Problem } from "../problem.ts";

const encoder = new TextEncoder();

/** An answer of ready JSON text. */
export function json(text: string, status = 200): Response {
  return new Response(text, { status, headers: { "content-type": "application/json" } });
}

/** An answer without content. */
export function nothing(): Response {
  return new Response(null, { status: 204 });
}

/**
 * An answer that a caller may keep and ask for again with `If-None-Match` (RFC 9110, 13.1.2).
 * @param tag see etagOf
 */
export function tagged(request: Request, body: string, tag: string): Response {
  const headers = { etag: tag, "cache-control": "private, no-cache" };
  const known = request.headers.get("if-none-match")?.split(",").map((each) => each.trim().replace(/^W\//, ""));
  if (known?.some((each) => each === tag || each === "*")) return new Response(null, { status: 304, headers });
  return new Response(body, { headers: { ...headers, "content-type": "application/json" } });
}

/** The entity tag of a text: equal for equal texts only. */
export async function etagOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
  return `"${Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

/**
 * Waits for the store.
 * @throws {Problem} 503 that says what is wrong with it
 */
export async function fromStore<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (!(cause instanceof StoreFault)) throw cause;
    throw new Problem(503, `the store cannot answer at the moment: ${errorText(cause)}`);
  }
}
