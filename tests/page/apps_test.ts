import { strict as assert } from "node:assert";
import { SupervisorCatalog } from "../../src/apps/keeper.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { addressOf, fill, sendBeat } from "./agents.ts";
import { TestBrowser } from "./browser.ts";

Deno.test("apps show how far each version is rolled out, and who is missing", async () => {
  await using app = await startApp("auth.localAppInfo = {'app1':'1.0.2'}");
  fill(app.app.fleet, 3);
  await sendBeat(app.beatAddress, { ip: "10.5.0.1", asset: "new", apps: '{"app1":"1.0.2","old":"1"}' });
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/apps" });
  await visit.counts(".rollout tbody tr", 3);
  const rows = await visit.page.locator(".rollout tbody tr").allInnerTexts();
  assert.deepEqual(rows.map((row) => row.replaceAll(/\s+/g, " ")), [
    "app1 1.0.1 0 0 0 3",
    "app1 1.0.2 25 % 4 1 3 0",
    "old 1 0 0 0 1",
  ]);
  const said = await visit.page.locator(".bar").nth(1).getAttribute("aria-label");
  assert.equal(said, "1 agent has it, 3 miss it, 0 have it and shall not");
  await visit.page.click("a.missing");
  await visit.isAt("/apps/app1?version=1.0.2&status=missing");
  await visit.counts(".rows tbody tr", 3);
  await visit.page.click("text=Have it");
  await visit.counts(".rows tbody tr", 1);
  await visit.shows(".rows tbody", "10.5.0.1 new 1.0.2 1.0.2 as wanted");
  visit.assertQuiet();
});

Deno.test("apps that no agent shall run or has yet are shown, before the first beat", async () => {
  await using app = await startApp("auth.localAppInfo = {'app1':'1.0.2'}");
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/apps" });
  await visit.shows(".rollout tbody tr", "app1 – 0 0 0 0");
  visit.assertQuiet();
});

/** Offers a catalog in which these agents may run one app. */
async function offer(app: TestApp, version: string, count: number): Promise<string> {
  const { catalog } = app.app;
  assert.ok(catalog instanceof SupervisorCatalog);
  const agentList = Array.from({ length: count }, (_, i) => addressOf(i));
  return (await catalog.offer({ result: [{ app: "app1", version, agentList }] })).result;
}

Deno.test("apps: a held catalog is explained, compared and accepted, and one can go back", async () => {
  await using app = await startApp("auth.mode = supervisor");
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  await visit.shows(".banner.warn", "The app catalog is not known yet");
  await sendBeat(app.beatAddress);
  assert.equal(await offer(app, "1.0.1", 20), "applied");
  assert.equal(await offer(app, "1.0.2", 2), "held");
  await visit.shows(".banner.warn", "A new app catalog is held back");
  await visit.shows(".banner.warn", "Apps and agents that it lists: 1 and 2");

  await visit.page.click(".banner >> text=Compare");
  await visit.shows(".diff", "app1 1.0.1 20 agents less: 10.0.0.0");
  await visit.shows(".diff", "app1 1.0.2 2 agents more: 10.0.0.0 10.0.0.1");
  await visit.page.waitForFunction(() => {
    const { top = 0, bottom = 0 } = document.querySelector(".diff")?.getBoundingClientRect() ?? {};
    const bar = document.querySelector(".top")?.getBoundingClientRect().bottom ?? Infinity;
    return top >= bar && bottom <= innerHeight;
  });
  await visit.page.click(".banner >> text=Accept…");
  await visit.shows("dialog", "delete every app that it no longer names");
  await visit.page.click("dialog .danger");
  await visit.counts(".banner.warn", 0);
  await visit.shows(".notes", "The catalog is in force.");
  assert.equal(app.app.catalog.current?.agents, 2);

  await visit.go("/apps");
  await visit.shows("tr:has(.current)", "accepted by hand");
  await visit.page.click("text=Roll back…");
  await visit.shows("dialog", "Apps and agents that it lists: 1 and 20");
  await visit.page.click("dialog .danger");
  await visit.counts("dialog", 0);
  assert.equal(app.app.catalog.current?.agents, 20);
  await visit.go("/events?kind=audit");
  await visit.shows(".events", /local, catalog rollback: catalog \d+ of \S+: applied/);
  visit.assertQuiet();
});
