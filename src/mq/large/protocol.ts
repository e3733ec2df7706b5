import type { EndpointSettings } from "../endpoint.ts";
import type { ReplyLoss } from "../stats.ts";

/** A large answer, the text of whose body has been handed over. */
export interface LargeAnswer {
  /** Number of its body. */
  readonly body: number;
  /** What frames the body. */
  readonly before: string;
  readonly after: string;
  /** The modules' exchange, or empty for the default exchange. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly correlationId: string | undefined;
  /** How long its caller still waits, ms. */
  readonly patienceMs: number;
  /** Where to connect when there is no connection. */
  readonly endpoint: EndpointSettings;
}

/** What became of a large answer. */
export type Fate =
  | { readonly name: "sent" }
  /** `fault`: what the log should tell. */
  | { readonly name: "lost"; readonly loss: ReplyLoss; readonly fault?: string }
  /** The broker takes at most `limit` bytes; `fault` is what it said, unless that was known. */
  | { readonly name: "tooLarge"; readonly limit: number; readonly fault?: string };

/** What the main thread tells the thread that sends large answers. */
export type ToWorker =
  /** The next part of a body; `share` is how much of the whole is handed over with it. */
  | { readonly kind: "text"; readonly body: number; readonly text: string; readonly share: number }
  /** This body will not be sent. */
  | { readonly kind: "discard"; readonly body: number }
  | { readonly kind: "send"; readonly answer: LargeAnswer }
  /** The main thread's connection is gone: what is not sent yet is void. */
  | { readonly kind: "disconnect" }
  /** Close the connection in order; nothing comes after this. */
  | { readonly kind: "close" };

/** What it tells the main thread. */
export type FromWorker =
  | { readonly kind: "fate"; readonly body: number; readonly fate: Fate }
  | { readonly kind: "closed" };
