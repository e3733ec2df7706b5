/**
 * Says in an operator's words what RabbitMQ refused and what to change; other errors as they are. Never contains a
 * password.
 */
export function explainFault(cause: unknown): string {
  const text = textOf(cause);
  for (const [pattern, explain] of KNOWN) {
    const match = pattern.exec(text);
    if (match !== null) return explain(match.slice(1));
  }
  return text;
}

/** What the broker's size limit is when an error is about it, bytes. */
export function messageSizeLimit(cause: unknown): number | undefined {
  const limit = /message size \d+ is larger than configured max size (\d+)/.exec(textOf(cause))?.[1];
  return limit === undefined ? undefined : Number(limit);
}

/** Whether a queue cannot be used because the one node of RabbitMQ's cluster that holds it is down. */
export function isHomeDown(cause: unknown): boolean {
  return HOME_DOWN.test(textOf(cause));
}

type Explanation = (parts: string[]) => string;

const HOME_DOWN = /home node '([^']+)' of durable queue '([^']+)' in vhost '[^']*' is down or inaccessible/;

/** Texts of RabbitMQ 3.10 to 4 (rabbit_misc.erl, rabbit_channel.erl, rabbit_reader.erl), as amqplib passes them on. */
const KNOWN: readonly (readonly [RegExp, Explanation])[] = [
  [
    /inequivalent arg '([^']+)' for (queue|exchange) '([^']+)' in vhost '[^']*': received (.+?) but current is ([^"]+)/,
    ([arg = "", kind = "", name = "", ours = "", theirs = ""]) =>
      `${kind} '${name}' exists with ${setTo(arg, theirs)}, ${
        setTo(arg, ours)
      } is required: delete it, it is declared ` +
      `again at once${kind === "exchange" ? ", or set mq.exchange to another name in all modules" : ""}`,
  ],
  [
    /access to (topic|exchange|queue) '([^']*)' in (?:exchange '[^']*' in )?vhost '([^']*)' refused for user '([^']*)'/,
    ([kind = "", name = "", vhost = "", user = ""]) =>
      `user '${user}' lacks a permission for ${kind} '${name}': grant it in virtual host '${vhost}' with rabbitmqctl set_permissions, the README has the patterns`,
  ],
  [
    /ACCESS_REFUSED - (Login was refused|.*Authentication failed)/,
    () => "RabbitMQ refuses the login: check mq.user and mq.password",
  ],
  // amqplib keeps the broker's own words (NOT_ALLOWED and which of the two) to itself.
  [
    /Expected ConnectionOpenOk; got <ConnectionClose/,
    () =>
      "RabbitMQ refuses the virtual host: it does not exist, the user has no permissions in it, or it allows no more " +
      "connections; check mq.vhost, rabbitmqctl add_vhost, set_permissions and set_vhost_limits",
  ],
  [
    /^connect ECONNREFUSED|^Connection refused/,
    () => "nothing listens there: is RabbitMQ running, and are mq.ip and mq.port right?",
  ],
  [
    /getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|failed to lookup address/,
    () => "the name cannot be resolved: check mq.ip",
  ],
  [
    /received corrupt message of type InvalidContentType/,
    () => "there is no TLS on this port, RabbitMQ's TLS port is usually 5671: check mq.port and mq.tls",
  ],
  [
    // What Deno.connectTls, and what node:tls of Deno 2.4 and of 2.9 say.
    /^(?:tls handshake eof|unexpected end of file|Client network socket disconnected before secure TLS.*)$/,
    () =>
      "the connection was ended during the TLS handshake: is mq.port RabbitMQ's TLS port, usually 5671? If so, its log says why",
  ],
  [
    /fatal alert: (?:CertificateRequired|HandshakeFailure|BadCertificate|UnknownCA)/,
    () => "RabbitMQ wants a certificate that its authority has signed: check mq.tlsCert and mq.tlsKey",
  ],
  [
    /invalid peer certificate: UnknownIssuer/,
    () =>
      "RabbitMQ's certificate comes from an authority that is not known here: set mq.tlsCa (invalid peer certificate)",
  ],
  [
    /CONNECTION_FORCED - ([^"]*)/,
    ([why = ""]) => `RabbitMQ closed the connection: ${why.trim()}`,
  ],
  [
    /^Frame size \d+ exceeds maxFrameSize/,
    () => "what answers there does not speak AMQP: check mq.ip, mq.port and mq.tls",
  ],
  [
    /cannot obtain (?:exclusive )?access to locked queue '([^']*)'/,
    ([queue = ""]) => `queue '${queue}' is exclusive to another connection: end that one, it must not be exclusive`,
  ],
  [
    HOME_DOWN,
    ([node = "", queue = ""]) =>
      `queue '${queue}' is on RabbitMQ node '${node}', which is down: start it, or give it up with rabbitmqctl ` +
      "forget_cluster_node, then the queue is made anew",
  ],
];

function setTo(arg: string, value: string): string {
  const bare = /'([^']*)'/.exec(value)?.[1];
  return bare === undefined ? `no ${arg}` : `${arg}=${bare}`;
}

function textOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Connecting to a name with several addresses fails with an error of errors that has no text of its own.
  if (cause instanceof AggregateError && cause.message === "") return cause.errors.map(textOf).join(", ");
  return cause.message === "" ? cause.name : cause.message;
}
