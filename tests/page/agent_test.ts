import { strict as assert } from "node:assert";
import { startApp } from "../support/app.ts";
import { sendBeat } from "./agents.ts";
import { TestBrowser } from "./browser.ts";

const APPS = "auth.localAppInfo = {'app1':'1.0.1','app2':'2.0.0','app3':'3.0.0'}";

Deno.test("agent shows what it shall run beside what it has", async () => {
  await using app = await startApp(APPS);
  const apps = '{"app1":"1.0.1","app2":"1.9.9","stray":"0.1"}';
  await sendBeat(app.beatAddress, { apps });
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents/10.0.0.1" });
  await visit.shows("h1", "10.0.0.1");
  await visit.shows(".facts", "Asset web-1 Version 0.3.3");
  await visit.counts(".panel tbody tr", 4);
  const rows = await visit.page.locator(".panel tbody tr").allInnerTexts();
  assert.deepEqual(rows.map((row) => row.replaceAll(/\s+/g, " ")), [
    "app1 1.0.1 1.0.1 as wanted",
    "app2 2.0.0 1.9.9 other version",
    "app3 3.0.0 – missing",
    "stray – 0.1 unwanted",
  ]);
  await visit.shows(".events", "is new");
  await sendBeat(app.beatAddress, { apps, version: "0.4.0" });
  await visit.shows(".events", "has version 0.4.0, was 0.3.3");
  await visit.page.click("text=app2");
  await visit.shows(".rows tbody", "10.0.0.1 web-1 2.0.0 1.9.9 other version");
  visit.assertQuiet();
});

Deno.test("agent that is not there is named, and appears with its beat", async () => {
  await using app = await startApp(APPS);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents/10.0.0.1" });
  await visit.shows(".panel .empty", "There is no agent 10.0.0.1");
  await sendBeat(app.beatAddress);
  await visit.shows(".facts", "web-1");
});

Deno.test("agent's faulty app list is shown as it came", async () => {
  await using app = await startApp(APPS);
  await sendBeat(app.beatAddress, { apps: "{'not':'json' <b>\u0007\u202e" });
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents/10.0.0.1" });
  await visit.shows(".panel pre", "{'not':'json' <b>⟨U+0007⟩⟨U+202E⟩");
  await visit.shows(".marks", "app map");
  visit.assertQuiet();
});

const HOSTILE: Record<string, string> = {
  "10.0.1.1": "<img src=x onerror=globalThis.broken=1>",
  "10.0.1.2": "\"'><script>globalThis.broken=1</script>",
  "10.0.1.3": "web-\u202egpj.exe\u2066\u200b",
  "10.0.1.4": "{{constructor}} ${7*7} &lt;b&gt;",
  "10.0.1.5": "__proto__",
  "10.0.1.6": "javascript:globalThis.broken=1",
  "10.0.1.7": "\ud83d\ude00".repeat(120),
};

Deno.test("agents with hostile names are shown harmlessly on every view", async () => {
  await using app = await startApp(APPS);
  for (const [ip, asset] of Object.entries(HOSTILE)) {
    const apps = `{${JSON.stringify(asset)}:${JSON.stringify(asset)},"__proto__":"1","toString":"2"}`;
    await sendBeat(app.beatAddress, { ip, asset, version: "", apps });
    await sendBeat(app.beatAddress, { ip, asset, version: `${asset}\n`, apps });
    await sendBeat(app.beatAddress, { ip, asset, version: "1", apps });
  }
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents" });
  await visit.counts(".agents-table tbody tr", Object.keys(HOSTILE).length);
  const shown = await visit.page.locator(".agents-table .foreign").allTextContents();
  assert.ok(shown.includes(HOSTILE["10.0.1.1"] ?? ""));
  assert.ok(shown.includes("web-⟨U+202E⟩gpj.exe⟨U+2066⟩⟨U+200B⟩"));
  assert.ok(shown.includes(`${"\ud83d\ude00".repeat(64)}…`));

  for (const place of ["/", "/apps", "/events", ...Object.keys(HOSTILE).map((ip) => `/agents/${ip}`)]) {
    await visit.go(place);
    await visit.page.waitForSelector(".view .foreign");
    assert.equal(await visit.page.locator("main img, main script").count(), 0, place);
    assert.equal(await visit.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, place);
  }
  await visit.go(`/apps/${encodeURIComponent(HOSTILE["10.0.1.1"] ?? "")}`);
  await visit.shows(".rows tbody", "10.0.1.1");
  await visit.go("/apps/__proto__?status=unwanted");
  await visit.shows(".result", `${Object.keys(HOSTILE).length} agents`);
  assert.equal(await visit.page.evaluate(() => Reflect.has(globalThis, "broken")), false);
  visit.assertQuiet();
});

Deno.test("agent's 10 kB of text is cut for display and can be unfolded", async () => {
  await using app = await startApp(APPS);
  const long = "x".repeat(10_000);
  await sendBeat(app.beatAddress, { apps: `{"app1":"${long.slice(0, 900)}"` });
  await sendBeat(app.beatAddress, { ip: "10.0.0.2", apps: long, asset: "y".repeat(255) });
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents/10.0.0.2", size: { width: 360, height: 740 } });
  await visit.shows(".panel > pre", long);
  await visit.shows(".whole summary", `${"y".repeat(64)}… show all`);
  await visit.page.click(".whole summary");
  await visit.shows(".whole pre", "y".repeat(255));
  assert.equal(await visit.page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  visit.assertQuiet();
});
