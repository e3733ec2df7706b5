import assert from "node:assert/strict";
import fc from "fast-check";
import { appSource, findingText, readConfig, zookeeperEnabled } from "../../src/config/config.ts";
import type { Settings } from "../../src/config/schema.ts";

const NO_FILES = {
  readFile: (path: string): string => {
    throw new Error(`no file ${path} in this test`);
  },
};

/** The sample file of the user's own document, to the letter. */
const SEED_SAMPLE = `#Zookeeper Config
#Zookeeper地址
zookeeper.host=192.168.0.1
#Zookeeper超时时间
zookeeper.outTime=10000
#Zookeeper ROOT地址        
zookeeper.root=/elves  

#MQ Basic Config
#RabbitMQ IP
mq.ip       = 192.168.0.1
#RabbitMQ 端口
mq.port     = 5672
#RABBITMQ 账号
mq.user     = admin
#RABBITMQ 密码
mq.password = 1234567890
#Exchange 名称        
mq.exchange = elves


#auth config
#权限模式，可选择supervisor或simple模式
auth.mode = supervisor
auth.localAppInfo={'app1':'1.0.1','app2':'1.0.2'}
`;

const LEAST = "mq.ip = 10.0.0.1\nmq.user = elves\nmq.password = secret\nauth.mode = supervisor\n";

function settingsOf(text: string, files = NO_FILES): Settings {
  const result = readConfig(text, files);
  assert.ok("settings" in result, "faults" in result ? JSON.stringify(result.faults) : "");
  return result.settings;
}

function faultsOf(text: string, files = NO_FILES): string[] {
  const result = readConfig(text, files);
  assert.ok("faults" in result, "a fault was expected");
  return result.faults.map((fault) => findingText("c", fault));
}

function warningsOf(text: string): string[] {
  return readConfig(text, NO_FILES).warnings.map((warning) => findingText("c", warning));
}

Deno.test("readConfig loads the seed's own sample unchanged", () => {
  const settings = settingsOf(SEED_SAMPLE);
  assert.equal(settings["zookeeper.host"], "192.168.0.1");
  assert.equal(settings["zookeeper.outTime"], 10_000);
  assert.equal(settings["zookeeper.root"], "/elves");
  assert.deepEqual(settings["mq.ip"], [{ host: "192.168.0.1", port: undefined }]);
  assert.equal(settings["mq.port"], 5672);
  assert.equal(settings["mq.user"], "admin");
  assert.equal(settings["mq.password"], "1234567890");
  assert.equal(settings["mq.exchange"], "elves");
  assert.equal(settings["auth.mode"], "supervisor");
  assert.deepEqual(settings["auth.localAppInfo"], { app1: "1.0.1", app2: "1.0.2" });
  assert.equal(zookeeperEnabled(settings), true);
  assert.deepEqual(warningsOf(SEED_SAMPLE), [
    "c:25: auth.localAppInfo is not used: the apps come from elves-supervisor",
  ]);
});

Deno.test("readConfig gives every other setting its default", () => {
  const settings = settingsOf(LEAST);
  assert.equal(settings["agent.timeout"], 600_000);
  assert.equal(settings["thrift.heartbeat.port"], 11102);
  assert.equal(settings["thrift.maxMessageBytes"], 65_536);
  assert.equal(settings["mq.callIdResult"], "list");
  assert.equal(settings["thrift.proxies"].has("127.0.0.1"), true);
  assert.equal(zookeeperEnabled(settings), false);
});

Deno.test("readConfig ends a value at a blank and #, but not a password", () => {
  const text = `${LEAST}mq.exchange = elves    #Exchange 名称\nagent.timeout = 5m\t# minutes\nlog.level=   # nothing\n`;
  const settings = settingsOf(text);
  assert.equal(settings["mq.exchange"], "elves");
  assert.equal(settings["agent.timeout"], 300_000);
  assert.equal(settings["log.level"], "info");
  const password = LEAST.replace("= secret", "= sec#ret  # not a comment");
  assert.equal(settingsOf(password)["mq.password"], "sec#ret  # not a comment");
  assert.match(warningsOf(password).join("\n"), /c:3: mq\.password has a blank and # in it/);
});

Deno.test("readConfig reads what Java's Properties reads", () => {
  const text =
    "mq.ip:10.0.0.1\nmq.user elves\n! a comment\nmq.password=a\\u0041\\\\\\t\\\n   b\nauth.mode = sup\\\n  ervisor\n";
  const settings = settingsOf(text);
  assert.deepEqual(settings["mq.ip"], [{ host: "10.0.0.1", port: undefined }]);
  assert.equal(settings["mq.user"], "elves");
  assert.equal(settings["mq.password"], "aA\\\tb");
  assert.equal(settings["auth.mode"], "supervisor");
});

Deno.test("readConfig tells all faults at once, each with line, what was required and what came", () => {
  const faults = faultsOf(
    "mq.prot = 1\nmq.port = abc  # x\nmq.user = u\nmq.password = p\nthrift.heartbeat.port = 99999\n" +
      "agent.timeout = 5x\nauth.mode = simple\nauth.localAppInfo = {'a':1}\nauth.emptyShare = 1.5\nzookeeper.root = elves\n",
  );
  assert.deepEqual(faults.map((fault) => fault.slice(0, fault.indexOf(" "))), [
    "c:1:",
    "c:2:",
    "c:5:",
    "c:6:",
    "c:8:",
    "c:9:",
    "c:10:",
    "c:",
  ]);
  assert.equal(faults[0], "c:1: mq.prot is no known key; did you mean mq.port?");
  assert.equal(faults[1], 'c:2: mq.port must be a whole number from 1 to 65535, "abc" came');
  assert.match(faults[3] ?? "", /agent\.timeout must be a duration from 1s .*, "5x" came/);
  assert.equal(faults[7], "c: mq.ip must name the RabbitMQ server");
});

Deno.test("readConfig never shows a secret", () => {
  const text = "mq.ip = amqp://elves:hunter2@a:5672\nmq.pasword = hunter2\nmq.password = \\u12 hunter2\n";
  const result = readConfig(text, NO_FILES);
  assert.doesNotMatch(JSON.stringify(result), /hunter2/);
});

Deno.test("readConfig refuses a key within two letters of a known one and warns of others", () => {
  assert.deepEqual(faultsOf(`${LEAST}agent.timeuot = 1m\n`), [
    "c:5: agent.timeuot is no known key; did you mean agent.timeout?",
  ]);
  assert.deepEqual(faultsOf(`${LEAST}Agent.Timeout2 = 1m\n`).length, 1);
  assert.deepEqual(warningsOf(`${LEAST}smtp.relay.name = 80\n__proto__ = 1\n`), [
    "c:5: smtp.relay.name is no known key and is left alone",
    "c:6: __proto__ is no known key and is left alone",
  ]);
});

Deno.test("readConfig lets the last of two equal keys count and warns", () => {
  const text = `${LEAST}agent.timeout = 1m\nagent.timeout = 2m\n`;
  assert.equal(settingsOf(text)["agent.timeout"], 120_000);
  assert.deepEqual(warningsOf(text), ["c:6: agent.timeout is set twice; line 5 does not count"]);
});

Deno.test("readConfig takes the former name of the beat port", () => {
  assert.equal(settingsOf(`${LEAST}zookeeper.heartbeat.port = 11200\n`)["thrift.heartbeat.port"], 11200);
});

Deno.test("readConfig requires auth.mode and, for the local source, auth.localAppInfo", () => {
  assert.deepEqual(faultsOf(LEAST.replace("auth.mode = supervisor", "")), [
    "c: auth.mode must be supervisor or simple",
  ]);
  const simple = LEAST.replace("supervisor", "simple");
  assert.match(faultsOf(simple)[0] ?? "", /auth\.localAppInfo must be set/);
  assert.match(faultsOf(`${simple}auth.localAppInfo =\n`)[0] ?? "", /auth\.localAppInfo must be set/);
  assert.deepEqual(settingsOf(`${simple}auth.localAppInfo = {}\n`)["auth.localAppInfo"], {});
  assert.match(warningsOf(`${simple}auth.localAppInfo = {}\n`)[0] ?? "", /every agent removes all its apps/);
});

Deno.test("appSource follows auth.mode unless auth.appSource says otherwise", () => {
  assert.equal(appSource(settingsOf(LEAST)), "supervisor");
  const apps = "auth.localAppInfo = {a:'1'}\n";
  assert.equal(appSource(settingsOf(LEAST.replace("supervisor", "simple") + apps)), "local");
  assert.equal(appSource(settingsOf(`${LEAST}auth.appSource = local\n${apps}`)), "local");
});

Deno.test("readConfig takes the password from a file and drops one line end", () => {
  const text = LEAST.replace("mq.password = secret", "mq.passwordFile = /run/p");
  const files = (content: string) => ({ readFile: (path: string) => (assert.equal(path, "/run/p"), content) });
  assert.equal(settingsOf(text, files("s3cret\n"))["mq.password"], "s3cret");
  assert.equal(settingsOf(text, files(" s3cret \n\n"))["mq.password"], " s3cret \n");
  assert.match(faultsOf(text, files("\n"))[0] ?? "", /must name a file that holds mq\.password/);
  assert.match(faultsOf(text)[0] ?? "", /c:3: mq\.passwordFile cannot be read: no file/);
  assert.match(faultsOf(`${LEAST}mq.passwordFile = /run/p\n`)[0] ?? "", /must not be set together with mq\.password/);
});

Deno.test("readConfig reads several RabbitMQ hosts, with ports and IPv6", () => {
  const hosts = (text: string) => settingsOf(LEAST.replace("10.0.0.1", text))["mq.ip"];
  assert.deepEqual(hosts("a, b:5673"), [{ host: "a", port: undefined }, { host: "b", port: 5673 }]);
  assert.deepEqual(hosts("[fd00::1]:5673,fd00::2"), [{ host: "fd00::1", port: 5673 }, {
    host: "fd00::2",
    port: undefined,
  }]);
  assert.match(faultsOf(LEAST.replace("10.0.0.1", "a:0"))[0] ?? "", /mq\.ip must be host or host:port/);
  // What cannot be sent as basic authentication.
  const login = faultsOf(`${LEAST}events.webhook = https://user:s3cret%zz@host/\n`);
  assert.match(login[0] ?? "", /events\.webhook must be an address/);
  assert.doesNotMatch(login.join(), /s3cret/);
});

Deno.test("readConfig does not throw, whatever the text", () => {
  const line = fc.tuple(
    fc.oneof(fc.constantFrom("mq.port", "mq.password", "auth.localAppInfo", "thrift.allow", "mq.ip"), fc.string()),
    fc.constantFrom("=", ":", " ", ""),
    fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\\u12", "{'a':'1'}", "{__proto__:'1'}", "::/129")),
  ).map((parts) => parts.join(""));
  fc.assert(fc.property(fc.array(line), (lines) => {
    const result = readConfig(lines.join("\n"), NO_FILES);
    assert.ok("settings" in result || result.faults.length > 0);
  }));
});
