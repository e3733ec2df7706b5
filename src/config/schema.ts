import {
  appVersions,
  cidrs,
  connectString,
  duration,
  flag,
  hostNames,
  hosts,
  integer,
  login,
  oneOf,
  share,
  text,
  tokens,
  url,
  type ValueType,
  znodePath,
} from "./values.ts";

/** One setting: how it is read, what it is without, and the sentence that explains it wherever it is shown. */
export interface Setting<T> {
  readonly type: ValueType<T>;
  /** The text that counts when the key is absent; undefined: then there is no value. */
  readonly default: string | undefined;
  /** One sentence with the unit. */
  readonly doc: string;
  /** Former names. */
  readonly aliases?: readonly string[];
  /** Whether the value is free text, in which a blank and `#` start no comment. */
  readonly freeText?: boolean;
  /** Whether the value must never be printed. */
  readonly secret?: boolean;
  /** Whether SIGHUP applies a change; other changes wait for a restart. */
  readonly live?: boolean;
}

type Extra = Pick<Setting<unknown>, "aliases" | "freeText" | "secret" | "live">;

function setting<T>(type: ValueType<T>, defaultText: string, doc: string, extra: Extra = {}): Setting<T> {
  return { type, default: defaultText, doc, ...extra };
}

function optional<T>(type: ValueType<T>, doc: string, extra: Extra = {}): Setting<T | undefined> {
  return { type, default: undefined, doc, ...extra };
}

/**
 * Every key of conf.properties, in the order in which the documentation lists them. Parsing, defaults, conf.properties
 * and the table in the README all come from here; a test compares the three.
 */
export const SCHEMA = {
  "zookeeper.enabled": optional(
    flag,
    "Whether the service registers itself in ZooKeeper; without this key: when zookeeper.host is set.",
  ),
  "zookeeper.host": optional(
    connectString,
    "ZooKeeper servers, host or host:port (default port 2181), separated by commas.",
  ),
  "zookeeper.outTime": setting(duration("1s", "10m"), "10s", "Session and connect timeout of ZooKeeper."),
  "zookeeper.root": setting(
    znodePath,
    "/elves",
    "The node below which the service registers itself; created when missing.",
  ),
  "zookeeper.auth": optional(
    login,
    "Login to ZooKeeper, scheme and secret such as digest:user:secret; our nodes can then be changed only with it.",
    { secret: true, freeText: true },
  ),

  "mq.ip": optional(hosts, "RabbitMQ servers, host or host:port, separated by commas; required."),
  "mq.port": setting(integer(1, 65535), "5672", "RabbitMQ port for the servers that name none."),
  "mq.user": optional(text, "RabbitMQ user; required."),
  "mq.password": optional(text, "RabbitMQ password; this or mq.passwordFile is required.", {
    secret: true,
    freeText: true,
  }),
  "mq.passwordFile": optional(
    text,
    "File that holds the RabbitMQ password instead of mq.password, such as a systemd credential.",
    { freeText: true },
  ),
  "mq.exchange": setting(text, "elves", "The topic exchange that all Elves modules share."),
  "mq.vhost": setting(text, "/", "RabbitMQ virtual host."),
  "mq.tls": setting(flag, "false", "Whether RabbitMQ is reached over TLS."),
  "mq.tlsCa": optional(
    text,
    "File with the certificate authority of RabbitMQ's TLS certificate (PEM); without it the system's.",
    { freeText: true },
  ),
  "mq.tlsCert": optional(text, "File with the certificate that this service shows to RabbitMQ (PEM).", {
    freeText: true,
  }),
  "mq.tlsKey": optional(text, "File with the private key of that certificate (PEM).", { freeText: true }),
  "mq.callIdResult": setting(
    oneOf("list", "object"),
    "list",
    "What agentInfo answers to calls with an id in mqtype: list as the Elves documents print it, object as modules v0.3.0 to v0.3.2 read it.",
  ),
  "mq.maxBodyBytes": setting(integer(1024, 512 * 1024 * 1024), "67108864", "The largest message that is read, bytes."),

  "auth.mode": optional(
    oneOf("supervisor", "simple"),
    "Where the apps come from that agents may run: supervisor asks elves-supervisor, simple takes auth.localAppInfo for every agent; required.",
  ),
  "auth.localAppInfo": optional(
    appVersions,
    "The apps that every agent may run with auth.mode = simple, as {'app':'version'}; {} must be written out.",
    { live: true },
  ),
  "auth.appSource": optional(
    oneOf("supervisor", "local"),
    "Overrides what auth.mode says about the source of apps: supervisor or local.",
  ),
  "auth.syncInterval": setting(
    duration("10s"),
    "1h",
    "How long after an answer supervisor is asked for its catalog again.",
    { live: true },
  ),
  "auth.emptyShare": setting(
    share,
    "0.5",
    "A catalog that would leave more than this share of the agents that have apps with none is confirmed with supervisor first.",
    { live: true },
  ),
  "auth.catalogMaxAge": setting(
    duration("0", "366d"),
    "24h",
    "How old the remembered catalog may be to be served at a start before supervisor has answered.",
  ),

  "thrift.heartbeat.host": setting(text, "0.0.0.0", "Address on which beats are received; :: serves IPv6 and IPv4."),
  "thrift.heartbeat.port": setting(
    integer(0, 65535),
    "11102",
    "Port on which beats are received; 0 takes a free one.",
    { aliases: ["zookeeper.heartbeat.port"] },
  ),
  "thrift.tls.host": optional(
    text,
    "Address on which beats are received over TLS; without it that of thrift.heartbeat.host.",
  ),
  "thrift.tls.port": optional(
    integer(0, 65535),
    "Port on which beats are received over TLS, beside the plain one; 0 takes a free one; without it there is none.",
  ),
  "thrift.tls.cert": optional(
    text,
    "File with the certificate chain of that port (PEM); SIGHUP reads it and its key again, also under the same name.",
    { freeText: true, live: true },
  ),
  "thrift.tls.key": optional(text, "File with the private key of that certificate (PEM).", {
    freeText: true,
    live: true,
  }),
  "thrift.allow": optional(cidrs, "Address ranges from which connections to the beat port are taken; without it all."),
  "thrift.proxies": setting(
    cidrs,
    "127.0.0.0/8, ::1",
    "Address ranges of balancers: no limit per address, and their PROXY protocol header is read.",
  ),
  "thrift.maxConnections": setting(integer(1, 1_000_000), "20000", "The most connections to the beat port at a time."),
  "thrift.maxConnectionsPerIp": setting(
    integer(1, 1_000_000),
    "64",
    "The most connections from one address at a time.",
  ),
  "thrift.requestTimeout": setting(
    duration("100ms", "10m"),
    "5s",
    "How long one call may take from its first byte to its last, and one reply to be taken.",
  ),
  "thrift.idleTimeout": setting(duration("1s", "1d"), "75s", "How long a connection may stay open without a call."),
  "thrift.maxMessageBytes": setting(integer(1024, 16 * 1024 * 1024), "65536", "The largest call, bytes."),
  "thrift.workers": setting(
    integer(0, 64),
    "0",
    "How many threads take beats beside the main one, which then only keeps the agents; 0 has it do all.",
  ),

  "agent.timeout": setting(duration("1s"), "10m", "How long after its last beat an agent is offline.", { live: true }),
  "agent.grace": setting(
    duration("0", "1d"),
    "2m",
    "How long after a start or a stall of the service nobody is called offline.",
    { live: true },
  ),
  "agent.retention": setting(duration("1s"), "7d", "How long an offline agent is kept before it is forgotten.", {
    live: true,
  }),
  "agent.max": setting(
    integer(1, 2_000_000),
    "500000",
    "The most agents that are kept; a new one replaces the one that has been offline for the longest time.",
    { live: true },
  ),
  "agent.addressCheck": setting(
    oneOf("off", "warn", "enforce"),
    "warn",
    "What happens to a beat that claims another address than it comes from: off, warn (counted and shown) or enforce (refused).",
    { live: true },
  ),

  "guard.share": setting(
    share,
    "0.15",
    "The share of silent agents above which nobody is called offline, because the fault is probably between the service and the fleet.",
    { live: true },
  ),
  "guard.minAgents": setting(integer(1, 2_000_000), "20", "The least number of agents at which the guard acts.", {
    live: true,
  }),
  "guard.maxHold": setting(duration("1s", "7d"), "30m", "The longest time that the guard holds.", { live: true }),

  "flap.count": setting(
    integer(3, 1000),
    "6",
    "How many times an agent must go or come within flap.window to be called flapping.",
    { live: true },
  ),
  "flap.window": setting(
    duration("1s", "7d"),
    "1h",
    "The time in which these are counted, and for which an agent must be stable to be told about again.",
    { live: true },
  ),

  "events.enabled": setting(
    flag,
    "true",
    "Whether other modules are told of changes, on the exchange under heartbeat.event.",
  ),
  "events.webhook": optional(url, "URL to which events are posted as well.", { secret: true, freeText: true }),
  "events.webhookSecret": optional(text, "Key with which posted events are signed (HMAC-SHA256).", {
    secret: true,
    freeText: true,
  }),
  "events.webhookSecretFile": optional(text, "File that holds the key instead of events.webhookSecret.", {
    freeText: true,
  }),
  "events.retention": setting(duration("1h", "366d"), "7d", "How long the history of events is kept."),

  "http.host": setting(
    text,
    "127.0.0.1",
    "Address of the page, the API and the metrics; any but a loopback one requires http.token.",
  ),
  "http.port": setting(integer(0, 65535), "11103", "Port of the page, the API and the metrics; 0 takes a free one."),
  "http.token": optional(
    tokens,
    "Tokens of 16 letters or more, each with the name that the audit shows, such as ops:secret, separated by commas; then all but the health checks need one.",
    { secret: true, freeText: true, live: true },
  ),
  "http.tokenFile": optional(text, "File that holds the tokens instead of http.token, such as a systemd credential.", {
    freeText: true,
    live: true,
  }),
  "http.allowedHosts": setting(
    hostNames,
    "localhost",
    "Names under which browsers may reach the page, separated by commas; addresses always may.",
    { live: true },
  ),

  "cluster.enabled": setting(
    flag,
    "false",
    "Whether several instances at one RabbitMQ (3.9 or later) form one view of the fleet.",
  ),

  "data.dir": setting(
    text,
    "/var/lib/elves-heartbeat",
    "Folder in which agents, catalogs and events survive a restart; one process at a time.",
  ),

  "log.level": setting(
    oneOf("debug", "info", "warning", "error"),
    "info",
    "The lowest level that is logged: debug, info, warning or error.",
    { live: true },
  ),
  "log.format": setting(
    oneOf("text", "json"),
    "text",
    "One text line (with journald's priority under systemd) or one JSON object for each log record.",
  ),
} as const satisfies Record<string, Setting<unknown>>;

/** The name of a setting. */
export type Key = keyof typeof SCHEMA;

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The whole configuration after validation; durations in ms. */
export type Settings = { readonly [K in Key]: ValueOf<(typeof SCHEMA)[K]> };

/** The setting's entry, with the optional parts in reach. */
export function settingOf(key: Key): Setting<unknown> {
  return SCHEMA[key];
}

/** All keys, in the order of the documentation. */
export const KEYS = Object.keys(SCHEMA) as Key[];
