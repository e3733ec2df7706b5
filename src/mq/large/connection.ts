import { type ChannelModel, connect } from "amqplib";
import type { Buffer } from "node:buffer";
import { Endpoint, type EndpointSettings } from "../endpoint.ts";
import { errorText } from "../../error_text.ts";
import { replyProperties } from "../reply_properties.ts";
import { ConfirmedChannel } from "./confirmed_channel.ts";
import type { Fate, LargeAnswer } from "./protocol.ts";

/** The connection for large answers: opened when one is to be sent, and kept for those after it. */
export class LargeConnection {
  #limit = Infinity;
  #endpoint: Endpoint | undefined;
  #model: ChannelModel | undefined;
  #channel: ConfirmedChannel | undefined;
  /** While the broker takes nothing (connection.blocked). */
  #blocked: PromiseWithResolvers<void> | undefined;

  /** What the broker takes at most, bytes, as far as it has said so. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Sends an answer. Resolves when the broker has taken or refused it, or is gone. Never rejects.
   * @param isLate whether nobody waits for it any more
   */
  async publish(answer: LargeAnswer, content: Buffer, isLate: () => boolean): Promise<Fate> {
    const { exchange, routingKey, correlationId, endpoint } = answer;
    try {
      const channel = await this.#ready(endpoint);
      if (isLate()) return { name: "lost", loss: "expired" };
      const properties = replyProperties(correlationId);
      const fate = await channel.publish({ exchange, routingKey, content, properties });
      if (fate.name === "tooLarge") this.#limit = Math.min(this.#limit, fate.limit);
      return fate;
    } catch (cause) {
      return { name: "lost", loss: "closed", fault: errorText(cause) };
    }
  }

  /** Breaks the connection off; the next answer opens another. */
  breakOff(): void {
    if (this.#endpoint !== undefined) this.#left(this.#endpoint);
  }

  /** Closes the connection in order. */
  async close(): Promise<void> {
    const model = this.#model;
    try {
      // amqplib waits for ever for a connection that ends while it is being closed.
      const gone = new Promise<void>((resolve) => model?.on("close", () => resolve()));
      if (model !== undefined) await Promise.race([model.close(), gone]);
    } catch {
      // It ended by itself first, which is what was wanted.
    }
    this.breakOff();
  }

  /** @throws Error when there is no connection, and why */
  async #ready(settings: EndpointSettings): Promise<ConfirmedChannel> {
    const model = this.#model ?? await this.#connect(settings);
    await this.#blocked?.promise;
    if (this.#channel !== undefined && !this.#channel.isClosed) return this.#channel;
    const channel = new ConfirmedChannel(await model.createConfirmChannel());
    // Its connection may have ended before this was reached; then it is of no use to anybody later.
    if (this.#model === model) this.#channel = channel;
    return channel;
  }

  async #connect(settings: EndpointSettings): Promise<ChannelModel> {
    const endpoint = new Endpoint(settings);
    this.#endpoint = endpoint;
    this.#limit = Infinity;
    try {
      const model = await connect(endpoint.address, endpoint.open());
      // The end of the connection follows and tells the same; without a listener the error would be thrown.
      model.on("error", () => {});
      // Broken off in the very moment in which it was made.
      if (this.#endpoint !== endpoint) throw new Error("the connection was closed");
      this.#model = model;
      model.on("close", () => this.#left(endpoint));
      model.on("blocked", () => this.#blocked ??= Promise.withResolvers());
      model.on("unblocked", () => this.#unblock());
      return model;
    } catch (cause) {
      const fault = endpoint.explain(cause);
      this.#left(endpoint);
      throw new Error(fault, { cause });
    }
  }

  #unblock(): void {
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  #left(endpoint: Endpoint): void {
    if (this.#endpoint !== endpoint) return;
    this.#endpoint = undefined;
    this.#model = undefined;
    this.#channel = undefined;
    this.#unblock();
    endpoint.close();
  }
}
