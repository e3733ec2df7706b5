import { type Key, KEYS, SCHEMA, settingOf } from "./schema.ts";

/** What conf.properties sets out of the box; everything else stands there commented out with its default. */
const SHIPPED: Partial<Record<Key, string>> = {
  "mq.ip": "127.0.0.1",
  "mq.port": "5672",
  "mq.user": "elves",
  "mq.password": "",
  "mq.exchange": "elves",
  "auth.mode": "supervisor",
};

/** What a key without a default may look like. */
const EXAMPLES: Partial<Record<Key, string>> = {
  "zookeeper.enabled": "true",
  "zookeeper.host": "192.168.0.1:2181,192.168.0.2:2181",
  "mq.passwordFile": "/run/credentials/elves-heartbeat.service/mq.password",
  "mq.tlsCa": "/etc/ssl/rabbitmq-ca.pem",
  "mq.tlsCert": "/etc/elves/heartbeat.pem",
  "mq.tlsKey": "/etc/elves/heartbeat.key",
  "thrift.tls.host": "0.0.0.0",
  "thrift.tls.port": "11112",
  "thrift.tls.cert": "/etc/elves/beats.pem",
  "thrift.tls.key": "/etc/elves/beats.key",
  "auth.localAppInfo": "{'app1':'1.0.1','app2':'1.0.2'}",
  "auth.appSource": "local",
  "thrift.allow": "10.0.0.0/8, fd00::/8",
  "zookeeper.auth": "digest:elves:secret",
  "events.webhook": "https://alerts.example.org/elves",
  "events.webhookSecret": "a-long-random-word",
  "events.webhookSecretFile": "/run/credentials/elves-heartbeat.service/webhook",
};

const HEADINGS: Readonly<Record<string, string>> = {
  zookeeper: "ZooKeeper",
  mq: "RabbitMQ",
  auth: "Apps that agents may run",
  thrift: "Beats",
  agent: "Agents",
  guard: "Guard against calling half the fleet offline",
  flap: "Agents that come and go",
  events: "Events",
  http: "Page, API and metrics",
  data: "Data",
  log: "Log",
};

const INTRODUCTION = `# Configuration of elves-heartbeat: Java properties, UTF-8.
# Durations are milliseconds or carry a unit: 500ms, 30s, 10m, 1h, 7d.
# A blank and # end a value, except in passwords. "elves-heartbeat check" tells what is wrong with this file.
`;

/** The text of conf/conf.properties. */
export function confText(): string {
  const lines: string[] = [];
  let room: string | undefined;
  for (const key of KEYS) {
    const { doc } = settingOf(key);
    const heading = roomOf(key);
    if (heading !== room) lines.push("", `# --- ${HEADINGS[heading] ?? heading} ---`);
    room = heading;
    lines.push("", `# ${doc}`, confLine(key));
  }
  return `${INTRODUCTION}${lines.join("\n")}\n`;
}

function confLine(key: Key): string {
  const shipped = SHIPPED[key];
  if (shipped !== undefined) return `${key} = ${shipped}`.trimEnd();
  return `#${key} = ${SCHEMA[key].default ?? EXAMPLES[key] ?? ""}`.trimEnd();
}

function roomOf(key: Key): string {
  return key.slice(0, key.indexOf("."));
}

/** The table of all keys for the README, in Markdown. */
export function settingsTable(): string {
  const rows = KEYS.map((key) => {
    const { doc, default: defaultText, aliases, live } = settingOf(key);
    const name = [key, ...aliases ?? []].map((each) => `\`${each}\``).join(", formerly ");
    return `| ${name} | ${defaultText === undefined ? "" : `\`${defaultText}\``} | ${doc.replaceAll("|", "\\|")} | ${
      live ? "yes" : ""
    } |`;
  });
  return ["| key | default | meaning | by SIGHUP |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
