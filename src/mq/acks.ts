import type { Channel, ConsumeMessage } from "amqplib";

/** A delivery and whether it is handled. */
export interface Delivery {
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

  /** Takes note of a delivery. */
  delivered(message: ConsumeMessage): Delivery {
    const delivery = { message, handled: false };
    this.#deliveries.push(delivery);
    return delivery;
  }

  /** A delivery is handled: it is acknowledged soon. */
  handled(delivery: Delivery): void {
    delivery.handled = true;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Behind everything that the piece from the socket still brings, but before anything else happens.
    queueMicrotask(() => this.flush());
  }

  /** Acknowledges now what is handled. */
  flush(): void {
    this.#scheduled = false;
    const deliveries = this.#deliveries;
    let upTo = 0;
    while (deliveries[upTo]?.handled === true) upTo++;
    const last = deliveries[upTo - 1];
    const rest = deliveries.slice(upTo);
    this.#deliveries = rest.filter(({ handled }) => !handled);
    try {
      if (last !== undefined) this.#channel.ack(last.message, true);
      // Those behind one that takes long are acknowledged one by one, so that they do not wait for it.
      for (const { message, handled } of rest) if (handled) this.#channel.ack(message);
    } catch {
      // The channel is gone, and with it the deliveries: the broker gives the messages to the next consumer.
    }
  }
}
