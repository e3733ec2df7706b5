import assert from "node:assert/strict";
import { startApp, type TestApp } from "../support/app.ts";
import { beat } from "../support/beat_client.ts";
import { ModulePeer, type RowJson } from "../support/module_peer.ts";
import { statusOf } from "../support/status_of.ts";
import { waitFor } from "../support/wait_for.ts";
import { Bystanders } from "./bystanders.ts";
import { PROTOTYPE_NAMES } from "./fuzz.ts";
import { mqSettings, type Stage } from "./stage.ts";

/** The agents that are named so, each with all the names as apps. */
const AGENTS = PROTOTYPE_NAMES.map((name, i) => ({ name, ip: `10.0.7.${i + 1}` }));
/** As text, since an object in the source would take some of them for something else. */
const APPS = `{${PROTOTYPE_NAMES.map((name) => `"${name}":"${name}"`).join(",")}}`;

/** Gives agents, apps, versions and modules the names of what every object has. */
export async function prototypeNames({ rabbit }: Stage): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "hb-attack-" });
  try {
    {
      await using service = await startApp(mqSettings(rabbit), { dataDir });
      await using bystanders = await Bystanders.join(service.beatAddress, rabbit);
      for (const { name, ip } of AGENTS) {
        const info = { asset: name, version: name, apps: APPS };
        assert.notEqual((await beat(service.beatAddress, { ...info, ip })).text, undefined);
        assert.equal((await beat(service.beatAddress, { ...info, ip: name })).exception?.type, 7);
      }
      await shown(service);
      await answered(service, rabbit.url);
      await bystanders.served("names of prototypes");
    }
    // What is stored comes back as it was.
    await using service = await startApp(mqSettings(rabbit), { dataDir });
    await shown(service);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  await localApps();
}

/** Every one is shown over HTTP as it is. */
async function shown({ url }: TestApp): Promise<void> {
  const get = async (path: string) => {
    const answer = await fetch(`${url}/api/v1/${path}`);
    return { status: answer.status, body: JSON.parse(await answer.text()) };
  };
  for (const { name, ip } of AGENTS) {
    const { body: row } = await get(`agents/${ip}`);
    assert.deepEqual([row.asset, row.version, JSON.stringify(row.apps)], [name, name, APPS]);
    const { body: found } = await get(`agents?asset=${name}`);
    assert.deepEqual(found.agents.map((each: { ip: string }) => each.ip), [ip]);
    assert.equal((await get(`agents?app=${name}`)).body.total, AGENTS.length);
    assert.equal((await get(`apps/${name}`)).status, 200);
    assert.equal((await get(`agents/${name}`)).status, 400);
    for (const query of [`${name}=1`, `sort=${name}`, `state=${name}`]) {
      assert.equal((await get(`agents?${query}`)).status, 400, query);
    }
    assert.equal(await statusOf(`${url}/${name}`), 404);
  }
  const { body } = await get("apps");
  const named = body.apps.map(({ app }: { app: string }) => app).filter((app: string) => PROTOTYPE_NAMES.includes(app));
  assert.deepEqual(named.toSorted(), PROTOTYPE_NAMES.toSorted());
}

/** Modules of these names are answered, and what they ask for is found. */
async function answered({ app }: TestApp, url: string): Promise<void> {
  await waitFor(() => app.broker.state.name === "up", { timeoutMs: 20_000, what: "RabbitMQ" });
  await using peer = await ModulePeer.connect(url);
  for (const { name, ip } of AGENTS) {
    const ask = (action: string, body: unknown) =>
      peer.ask({ mqkey: `${name}.heartbeat.${action}`, mqtype: "call", mqbody: body }, {
        replyTo: true,
        correlationId: name,
      });
    const info = (await ask("agentInfo", { asset: name })).json;
    assert.deepEqual([info.mqkey, info.mqbody.result.ip], [`heartbeat.${name}`, ip]);
    const list = (await ask("agentList", JSON.parse(`{"app":"${name}","${name}":1}`))).json;
    assert.equal(list.mqbody.count, AGENTS.length);
    assert.deepEqual(list.mqbody.result.map((row: RowJson) => JSON.stringify(row.apps)), AGENTS.map(() => APPS));
    assert.match((await ask(name, {})).json.mqbody.error, /^\[404\]/);
    const sorted = (await ask("agentList", { sort: name, state: name })).json;
    assert.match(sorted.mqbody.error, /^\[400\]/);
  }
}

/** Apps of these names in the configuration are told to agents. */
async function localApps(): Promise<void> {
  await using service = await startApp(`auth.localAppInfo = ${APPS.replaceAll('"', "'")}\n`);
  const { text } = await beat(service.beatAddress, { ip: "10.0.0.1", asset: "", version: "", apps: "{}" });
  const told = Object.entries(JSON.parse(text ?? "{}").data).map(([app]) => app);
  assert.deepEqual(told.toSorted(), PROTOTYPE_NAMES.toSorted());
}
