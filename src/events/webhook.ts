import { errorText } from "../error_text.ts";
import { MIN_RETRY_MS } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { FleetEvent } from "../fleet/events.ts";
import { groupInOrder } from "./grouping.ts";
import { eventRow } from "./row.ts";
import { type Delivery, type EventSink, MAX_ROWS } from "./sink.ts";

/** How many events may wait for the receiver. */
const MAX_QUEUED = 10_000;
/** How long the receiver has for its answer, ms. */
const TIMEOUT_MS = 10_000;
/** The longest that a receiver may make us wait by Retry-After, ms. */
const MAX_RETRY_AFTER_MS = 300_000;
/** Statuses below 500 after which the same may be accepted later (RFC 9110, RFC 6585). */
const TRY_LATER: readonly number[] = [408, 429];
/** The receiver takes no body of this size (RFC 9110). */
const CONTENT_TOO_LARGE = 413;

/** Where the webhook is and how it is called. */
export interface WebhookOptions {
  /** An http or https address; user and password in it are sent as basic authentication. */
  readonly url: string;
  /** The key of the signature, not empty; without it there is none. */
  readonly secret?: string | undefined;
  readonly clock: Clock;
  /** How many events may wait; 10,000. */
  readonly maxQueued?: number;
  /** How long the receiver has for its answer, ms; 10 s. */
  readonly timeoutMs?: number;
}

/**
 * Posts events to a receiver: `{"time": ..., "events": [row, ...]}`, each row with its `kind`.
 *
 * With a secret the header `X-Elves-Signature` is `sha256=` and the hexadecimal HMAC-SHA256 of the text of
 * `X-Elves-Timestamp` (seconds since the epoch, when it was sent), a full stop, and the body.
 */
export class Webhook implements EventSink {
  readonly name = "webhook";
  readonly maxQueued: number;
  readonly #options: WebhookOptions;
  readonly #url: URL;
  readonly #authorization: string | undefined;

  /** @throws TypeError or URIError when the address cannot be used */
  constructor(options: WebhookOptions) {
    this.#options = options;
    this.maxQueued = options.maxQueued ?? MAX_QUEUED;
    this.#url = new URL(options.url);
    const { username, password } = this.#url;
    if (username === "" && password === "") return;
    this.#authorization = basicAuthorization(decodeURIComponent(username), decodeURIComponent(password));
    this.#url.username = "";
    this.#url.password = "";
  }

  plan(events: readonly FleetEvent[]): FleetEvent[][] {
    return groupInOrder(events, MAX_ROWS);
  }

  async deliver(events: readonly FleetEvent[], signal: AbortSignal): Promise<Delivery> {
    const late = new AbortController();
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      return await this.#post(events, AbortSignal.any([signal, late.signal]));
    } catch (cause) {
      const fault = late.signal.aborted ? `no answer within ${timeoutMs} ms` : explain(cause);
      return { outcome: "retry", fault: `${this.#url.host}: ${fault}` };
    } finally {
      clearTimeout(timer);
    }
  }

  async #post(events: readonly FleetEvent[], signal: AbortSignal): Promise<Delivery> {
    const nowMs = this.#options.clock.wall();
    const rows = events.map((event) => ({ kind: event.kind, ...eventRow(event) }));
    const body = JSON.stringify({ time: new Date(nowMs).toISOString(), events: rows });
    const response = await fetch(this.#url, {
      method: "POST",
      headers: await this.#headers(String(Math.floor(nowMs / 1000)), body),
      body,
      redirect: "manual",
      signal,
    });
    // What it says beside the status is not needed, and might have no end.
    await response.body?.cancel();
    return this.#judge(response);
  }

  async #headers(timestamp: string, body: string): Promise<Record<string, string>> {
    const { secret } = this.#options;
    return {
      "Content-Type": "application/json",
      "User-Agent": "elves-heartbeat",
      "X-Elves-Timestamp": timestamp,
      ...(secret === undefined ? {} : { "X-Elves-Signature": `sha256=${await sign(`${timestamp}.${body}`, secret)}` }),
      ...(this.#authorization === undefined ? {} : { "Authorization": this.#authorization }),
    };
  }

  #judge({ ok, status, headers }: Response): Delivery {
    if (ok) return { outcome: "delivered" };
    const fault = `${this.#url.host} answers ${status}`;
    if (status === CONTENT_TOO_LARGE) return { outcome: "too_large", fault };
    if (status >= 500 || TRY_LATER.includes(status)) {
      const afterMs = retryAfterMs(headers.get("Retry-After"), this.#options.clock.wall());
      return { outcome: "retry", fault, ...(afterMs === undefined ? {} : { afterMs }) };
    }
    return { outcome: "refused", fault: status < 400 ? `${fault}, redirects are not followed` : fault };
  }
}

/** What failed and why, without the address, which Deno puts into it: its path often is a secret too. */
function explain(cause: unknown): string {
  const own = errorText(cause);
  const text = own.replaceAll(/ for url \(\S*\)/g, "").replaceAll(/https?:\/\/\S+/g, "the webhook");
  return cause instanceof Error && cause.cause !== undefined ? `${text}: ${explain(cause.cause)}` : text;
}

/** The hexadecimal HMAC-SHA256 of a text. node:crypto would do, but warns on standard error in Deno 2.4. */
async function sign(text: string, secret: string): Promise<string> {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
  const bytes = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function basicAuthorization(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** How long a receiver asks us to wait, in seconds or until a date (RFC 9110, 10.2.3), within our own bounds. */
function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(MIN_RETRY_MS, ms));
}
