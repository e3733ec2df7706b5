import type { ConfirmChannel, Options } from "amqplib";
import type { Buffer } from "node:buffer";
import { explainFault, messageSizeLimit } from "../faults.ts";
import type { Fate } from "./protocol.ts";

/** Where a message goes, and what it is. */
export interface LargeMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly properties: Options.Publish;
}

/** A channel on which one message at a time is sent, and on which the broker says what became of it. */
export class ConfirmedChannel {
  readonly #channel: ConfirmChannel;
  #settle: ((fate: Fate) => void) | undefined;
  #fault: unknown;
  #isClosed = false;

  constructor(channel: ConfirmChannel) {
    this.#channel = channel;
    channel.on("error", (fault) => this.#fault = fault);
    channel.on("close", () => {
      this.#isClosed = true;
      this.#settle?.(this.#fault === undefined ? { name: "lost", loss: "closed" } : fateOf(this.#fault));
    });
    // The caller's own queue may take no more (x-overflow: reject-publish).
    channel.on("nack", () => this.#settle?.({ name: "lost", loss: "refused" }));
  }

  /** Whether nothing can be sent on it any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends a message. Resolves when the broker has taken or refused it, or is gone. Never rejects. */
  publish({ exchange, routingKey, content, properties }: LargeMessage): Promise<Fate> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      try {
        // Without a confirm, the channel's events tell why and what becomes of the answer.
        this.#channel.publish(exchange, routingKey, content, properties, (error) => {
          if (error === null) resolve({ name: "sent" });
        });
      } catch (cause) {
        // Closed before it was listened to.
        this.#isClosed = true;
        resolve({ name: "lost", loss: "closed", fault: explainFault(cause) });
      }
    });
  }
}

/** @param fault why the broker closed the channel */
function fateOf(fault: unknown): Fate {
  const limit = messageSizeLimit(fault);
  const text = explainFault(fault);
  return limit === undefined
    ? { name: "lost", loss: "refused", fault: text }
    : { name: "tooLarge", limit, fault: text };
}
