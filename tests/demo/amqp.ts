import { type ChannelModel, connect } from "amqplib";

/** A connection to RabbitMQ that can be closed in whatever state it is. */
export class AmqpConnection implements AsyncDisposable {
  readonly model: ChannelModel;
  readonly #lost = Promise.withResolvers<Error>();
  #open = true;

  private constructor(model: ChannelModel) {
    this.model = model;
    model.on("error", (cause: Error) => this.#ended(cause));
    model.on("close", () => this.#ended(new Error("the connection to RabbitMQ is closed")));
  }

  static async open(url: string): Promise<AmqpConnection> {
    return new AmqpConnection(await connect(url, { noDelay: true }));
  }

  /** Resolves with the reason when the connection has ended. */
  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Ctrl-C ends RabbitMQ too, and amqplib's `close` waits for ever for a broker that is gone.
    if (this.#open) await Promise.race([this.model.close(), this.#lost.promise]);
  }

  #ended(cause: Error): void {
    this.#open = false;
    this.#lost.resolve(cause);
  }
}
