import type { Channel, ConsumeMessage } from "amqplib";

/** A delivery and whether it is handled. */
interface Delivery {
  readonly message: ConsumeMessage;
  handled: boolean;
}

/**
 * Acknowledges what is handled, a batch at a time: deliveries come many in one piece from the socket, and one
 * acknowledgement for all of them instead of one each is a third of the work of a short call (measured).
 */
export class Acks {
  readonly #channel: Channel;
  /** What is not acknowledged, in the order of delivery. */
  #deliveries: Delivery[] = [];
  #scheduled = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Takes note of a delivery. @returns to be called when it is handled */
  delivered(message: ConsumeMessage): () => void {
    const delivery = { message, handled: false };
    this.#deliveries.push(delivery);
    return () => {
      delivery.handled = true;
      this.#schedule();
    };
  }

  /** Acknowledges now what is handled. */
  flush(): void {
    this.#scheduled = false;
    const open = this.#deliveries.findIndex(({ handled }) => !handled);
    const upTo = open === -1 ? this.#deliveries.length : open;
    const last = this.#deliveries[upTo - 1];
    // Those behind one that takes long are acknowledged one by one, so that they do not wait for it.
    const single = this.#deliveries.slice(upTo).filter(({ handled }) => handled);
    this.#deliveries = this.#deliveries.filter(({ handled }) => !handled);
    try {
      if (last !== undefined) this.#channel.ack(last.message, true);
      for (const { message } of single) this.#channel.ack(message);
    } catch {
      // The channel is gone, and with it the deliveries: the broker gives the messages to the next consumer.
    }
  }

  /** Behind everything that the piece from the socket still brings, but before anything else happens. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.flush());
  }
}
