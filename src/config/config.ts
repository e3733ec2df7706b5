import { errorText } from "../error_text.ts";
import { isLoopback } from "../fleet/address.ts";
import { nearest } from "./nearest.ts";
import { type Property, type ReadProperties, readProperties, withoutComment } from "./properties.ts";
import { type Key, KEYS, settingOf, type Settings } from "./schema.ts";

/** How near an unknown key must be to a known one to be taken for a misspelling, letters. */
const MISSPELLING = 2;

type SecretKey = "mq.password" | "events.webhookSecret" | "http.token";
type FileKey = "mq.passwordFile" | "events.webhookSecretFile" | "http.tokenFile";

/** Which setting's value may stand in the file that another names. */
const SECRET_FILES: readonly (readonly [SecretKey, FileKey])[] = [
  ["mq.password", "mq.passwordFile"],
  ["events.webhookSecret", "events.webhookSecretFile"],
  ["http.token", "http.tokenFile"],
];

/** Something in a configuration that is wrong (then the service does not start) or odd (then it warns). */
export interface Finding {
  readonly key: string;
  /** 1-based; undefined where the key is missing from the file. */
  readonly line: number | undefined;
  /** What was required, and what came. */
  readonly message: string;
}

/** The outcome of reading a configuration. */
export type ReadConfig =
  | { readonly settings: Settings; readonly warnings: readonly Finding[] }
  | { readonly faults: readonly Finding[]; readonly warnings: readonly Finding[] };

/** What is read besides the text itself. */
export interface ConfigFiles {
  /** Reads a file that a setting names, such as mq.passwordFile. @throws when it cannot be read */
  readFile(path: string): string;
}

/**
 * Reads the text of a conf.properties. Every fault is found, not only the first.
 */
export function readConfig(text: string, files: ConfigFiles): ReadConfig {
  return new Reader(readProperties(text), files).read();
}

/** One reading of one file; gathers what it finds. */
class Reader {
  readonly #files: ConfigFiles;
  readonly #faults: Finding[] = [];
  readonly #warnings: Finding[] = [];
  readonly #given = new Map<Key, Property>();

  constructor({ properties, badLines }: ReadProperties, files: ConfigFiles) {
    this.#files = files;
    for (const line of badLines) {
      const key = shownKey(properties.findLast((property) => property.line <= line)?.key ?? "the-line");
      this.#faults.push({
        key,
        line,
        message: "has a \\u that four hexadecimal digits must follow; write \\\\ for a backslash",
      });
    }
    for (const property of properties) this.#take(property);
  }

  read(): ReadConfig {
    const values: Partial<Record<Key, unknown>> = {};
    for (const key of KEYS) values[key] = this.#value(key);
    let settings = values as Settings;
    for (const [secret, file] of SECRET_FILES) settings = this.#fromFile(settings, secret, file);
    this.#compare(settings);
    const warnings = this.#warnings;
    return this.#faults.length > 0
      ? { faults: this.#faults.sort(byLine), warnings }
      : { settings: Object.freeze(settings), warnings };
  }

  #take(property: Property): void {
    const key = KEYS.find((each) => each === property.key || settingOf(each).aliases?.includes(property.key));
    if (key === undefined) return this.#unknown(property);
    const former = this.#given.get(key);
    if (former !== undefined) {
      this.#warn(key, `is set twice; line ${former.line} does not count`, property.line);
    }
    this.#given.set(key, property);
  }

  #unknown({ key: written, line }: Property): void {
    const key = shownKey(written);
    const near = nearest(key, KEYS);
    if (near !== undefined && near.distance <= MISSPELLING) {
      this.#faults.push({ key, line, message: `is no known key; did you mean ${near.word}?` });
    } else this.#warn(key, "is no known key and is left alone", line);
  }

  #value(key: Key): unknown {
    const setting = settingOf(key);
    const property = this.#given.get(key);
    const text = property === undefined || setting.freeText ? property?.value : withoutComment(property.value);
    if (setting.secret && text !== undefined && /\s#/.test(text)) {
      this.#warn(key, "has a blank and # in it, which count as part of the value", property?.line);
    }
    // An empty value is how a template leaves a key open.
    const given = text === undefined || text === "" ? setting.default : text;
    if (given === undefined) return undefined;
    const result = setting.type.safeParse(given);
    if (result.success) return result.data;
    this.#fault(key, `must be ${result.error.issues[0]?.message}, ${came(given, { setting, property })}`);
    return undefined;
  }

  /** A secret may stand in a file of its own, of which one line end is dropped. */
  #fromFile(settings: Settings, secret: SecretKey, file: FileKey): Settings {
    const path = settings[file];
    if (path === undefined) return settings;
    if (settings[secret] !== undefined) {
      this.#fault(file, `must not be set together with ${secret}`);
      return settings;
    }
    try {
      const text = this.#files.readFile(path).replace(/\r?\n$/, "");
      const result = settingOf(secret).type.safeParse(text);
      if (result.success) return { ...settings, [secret]: result.data };
      if (text === "") this.#fault(file, `must name a file that holds ${secret}, this one is empty`);
      else this.#fault(file, `must name a file with ${result.error.issues[0]?.message}; this one holds something else`);
    } catch (cause) {
      this.#fault(file, `cannot be read: ${readFault(cause)}`);
    }
    // Not missing as well, but wrong.
    return { ...settings, [secret]: "" };
  }

  /** What one setting requires of another. */
  #compare(settings: Settings): void {
    this.#require("mq.ip", settings["mq.ip"], "must name the RabbitMQ server");
    this.#require("mq.user", settings["mq.user"], "must name the RabbitMQ user");
    this.#require("mq.password", settings["mq.password"], "must be set (or mq.passwordFile)");
    this.#require("auth.mode", settings["auth.mode"], "must be supervisor or simple");
    if (settings["zookeeper.enabled"] === true) {
      this.#require("zookeeper.host", settings["zookeeper.host"], "must be set when zookeeper.enabled = true");
    }
    const apps = settings["auth.localAppInfo"];
    if (appSource(settings) === "local") {
      this.#require("auth.localAppInfo", apps, "must be set when agents get their apps from it; write {} for no apps");
      if (apps !== undefined && Object.keys(apps).length === 0) {
        this.#warn("auth.localAppInfo", "is {}: every agent removes all its apps");
      }
    } else if (apps !== undefined && settings["auth.mode"] !== undefined) {
      this.#warn("auth.localAppInfo", "is not used: the apps come from elves-supervisor");
    }
    if (settings["events.webhook"] !== undefined && settings["events.webhookSecret"] === undefined) {
      this.#warn("events.webhook", "is set without events.webhookSecret: what is posted is not signed");
    }
    if (!isLoopback(settings["http.host"])) {
      const message = "must be set (or http.tokenFile) where http.host is not a loopback address";
      this.#require("http.token", settings["http.token"], message);
    }
    this.#compareTls(settings);
    if (settings["thrift.maxConnectionsPerIp"] > settings["thrift.maxConnections"]) {
      this.#warn("thrift.maxConnectionsPerIp", "is above thrift.maxConnections and so never reached");
    }
  }

  #compareTls(settings: Settings): void {
    for (const key of ["mq.tlsCa", "mq.tlsCert", "mq.tlsKey", "thrift.tls.cert", "thrift.tls.key"] as const) {
      this.#tryFile(key, settings[key]);
    }
    if ((settings["mq.tlsCert"] === undefined) !== (settings["mq.tlsKey"] === undefined)) {
      this.#fault(
        settings["mq.tlsCert"] === undefined ? "mq.tlsKey" : "mq.tlsCert",
        "needs mq.tlsCert and mq.tlsKey together",
      );
    }
    if (!settings["mq.tls"] && (settings["mq.tlsCa"] ?? settings["mq.tlsCert"]) !== undefined) {
      this.#warn("mq.tls", "is false, so mq.tlsCa, mq.tlsCert and mq.tlsKey are not used");
    }
    if (settings["thrift.tls.port"] !== undefined) {
      this.#require("thrift.tls.cert", settings["thrift.tls.cert"], "must be set when thrift.tls.port is");
      this.#require("thrift.tls.key", settings["thrift.tls.key"], "must be set when thrift.tls.port is");
    } else if (settings["thrift.tls.cert"] !== undefined) {
      this.#warn("thrift.tls.cert", "is not used: without thrift.tls.port there is no TLS port for beats");
    }
  }

  #tryFile(key: Key, path: string | undefined): void {
    if (path === undefined) return;
    try {
      this.#files.readFile(path);
    } catch (cause) {
      this.#fault(key, `cannot be read: ${readFault(cause)}`);
    }
  }

  #require(key: Key, value: unknown, message: string): void {
    // A value that is there but wrong has its own fault already.
    if (value === undefined && !this.#faults.some((fault) => fault.key === key)) this.#fault(key, message);
  }

  #fault(key: Key, message: string): void {
    this.#faults.push({ key, line: this.#given.get(key)?.line, message });
  }

  #warn(key: string, message: string, line = this.#given.get(key as Key)?.line): void {
    this.#warnings.push({ key, line, message });
  }
}

/** Where the apps come from that agents may run (PROTOCOL.md section 4). */
export function appSource(settings: Pick<Settings, "auth.mode" | "auth.appSource">): "supervisor" | "local" {
  return settings["auth.appSource"] ?? (settings["auth.mode"] === "simple" ? "local" : "supervisor");
}

/** Whether the service registers itself in ZooKeeper (PROTOCOL.md section 3). */
export function zookeeperEnabled(settings: Pick<Settings, "zookeeper.enabled" | "zookeeper.host">): boolean {
  return settings["zookeeper.enabled"] ?? settings["zookeeper.host"] !== undefined;
}

/** One finding in one line: `conf.properties:12: mq.port must be ...`. */
export function findingText(file: string, { key, line, message }: Finding): string {
  return `${file}${line === undefined ? "" : `:${line}`}: ${key} ${message}`;
}

/**
 * A key as it is shown. With a backslash before it, the sign that should end the key is part of it, and so is the value
 * behind that, which may be a secret.
 */
function shownKey(key: string): string {
  return key.replace(/(?<=[\w.-])[^\w.-].*$/s, "...");
}

/** Why a file cannot be read, without its path: that may be the secret itself, or go on with the line behind it. */
function readFault(cause: unknown): string {
  return errorText(cause).replace(/: \w+ '.*'$/s, "");
}

/** What came instead of what must be, unless it may hold a secret. */
function came(
  given: string,
  { setting, property }: { setting: ReturnType<typeof settingOf>; property: Property | undefined },
): string {
  if (setting.secret) return "another value came (not shown)";
  // By mistake the next line, and the next may be a password's.
  if (property?.isLong) return "a value of several lines came (not shown): they end with a backslash";
  // A login in an address, where none belongs, is still a secret.
  return `${JSON.stringify(given.replace(/\/\/[^@\s]*@/, "//(hidden)@"))} came`;
}

function byLine(a: Finding, b: Finding): number {
  return (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER);
}
