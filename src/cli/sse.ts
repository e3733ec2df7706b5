/** One message of a stream of server-sent events. */
export interface ServerSentEvent {
  /** `message` where the stream names none. */
  readonly event: string;
  readonly data: string;
  /** What to say after a loss, to get what was missed; undefined where the message does not change that. */
  readonly id: string | undefined;
}

/** The longest message, characters. */
const MAX_MESSAGE = 16 * 1024 * 1024;

/**
 * Reads a stream of server-sent events (HTML Living Standard, section 9.2). Comments and `retry` are dropped.
 * @throws {RangeError} when a message is longer than any of the service
 */
export async function* serverSentEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true });
    // A \r at the end may be the first half of a line end.
    const messages = rest.split(/(?:\r\n|\n|\r(?!$)){2}/);
    rest = messages.pop() ?? "";
    if (rest.length > MAX_MESSAGE) throw new RangeError(`a message of the stream is longer than ${MAX_MESSAGE}`);
    for (const text of messages) {
      const message = parseMessage(text);
      if (message !== undefined) yield message;
    }
  }
}

function parseMessage(text: string): ServerSentEvent | undefined {
  let event = "message";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, field, value = ""] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (field === "id") id = value;
  }
  return data.length === 0 ? undefined : { event, data: data.join("\n"), id };
}
