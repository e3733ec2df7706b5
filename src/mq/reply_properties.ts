import type { Options } from "amqplib";

/** The properties of an answer (PROTOCOL.md section 2). @param correlationId the call's, repeated when it had one */
export function replyProperties(correlationId: string | undefined): Options.Publish {
  const contentType = "application/json";
  return correlationId === undefined ? { contentType } : { contentType, correlationId };
}
