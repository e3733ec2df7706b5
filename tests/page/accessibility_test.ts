import { strict as assert } from "node:assert";
import axe from "axe-core";
import { FakeClock } from "../support/fake_clock.ts";
import { startApp } from "../support/app.ts";
import { fill, sendBeat } from "./agents.ts";
import { TestBrowser, type Visit } from "./browser.ts";

/** Each view, and what is there when it is drawn. */
const VIEWS: Readonly<Record<string, string>> = {
  "/": ".events li",
  "/agents": ".agents-table tbody tr",
  "/agents/10.0.0.1": ".facts dd",
  "/apps": ".rollout tbody tr",
  "/apps/app1": ".rows tbody tr",
  "/events": ".events li",
  "/silences": ".silences tbody tr",
  "/health": ".facts dd",
  "/nowhere": ".view h1",
};

/** What axe-core calls serious or critical on the page as it stands; the other theme differs in its colours only. */
async function findings({ page }: Visit, { only = [] }: { only?: string[] } = {}): Promise<string[]> {
  if (!await page.evaluate(() => Reflect.has(globalThis, "axe"))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate((rules) => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    return axe.run(rules.length === 0 ? {} : { runOnly: rules });
  }, only);
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string }[];
}

/** A service with something to see on every view: guard on, marks, a silence. */
async function busyService() {
  const clock = new FakeClock();
  const app = await startApp("agent.grace = 0\nagent.timeout = 10m", { clock });
  await sendBeat(app.beatAddress, { ip: "10.0.200.1", asset: "gone" });
  clock.advance(700_000);
  fill(app.app.fleet, 60, clock);
  clock.advance(550_000);
  await sendBeat(app.beatAddress, { ip: "10.0.0.1", apps: "no map", asset: "x".repeat(200) });
  await sendBeat(app.beatAddress, { ip: "fd00::1:2:3:4:5", apps: '{"stray":"1"}' });
  clock.advance(60_000);
  const body = JSON.stringify({ cidr: "10.0.0.1/32", for: "2h", reason: "rack" });
  const silenced = await fetch(`${app.url}/api/v1/silences`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  assert.equal(silenced.status, 201, await silenced.text());
  return app;
}

for (const [theme, only] of [["light", []], ["dark", ["color-contrast"]]] as ["light" | "dark", string[]][]) {
  Deno.test(`page has no serious accessibility finding on any view, ${theme}`, async () => {
    await using app = await busyService();
    await using browser = await TestBrowser.launch();
    const visit = await browser.open(app.url, { theme });
    await visit.shows(".banner", "guard");
    for (const [place, drawn] of Object.entries(VIEWS)) {
      await visit.go(place);
      await visit.page.waitForSelector(drawn);
      assert.deepEqual(await findings(visit, { only }), [], place);
    }
    await visit.go("/silences");
    await visit.page.click("text=Add silence…");
    assert.deepEqual(await findings(visit, { only }), [], "dialog");
    visit.assertQuiet();
  });
}

Deno.test("page fits a phone in both languages, without sideways scrolling", async () => {
  await using app = await busyService();
  await using browser = await TestBrowser.launch();
  for (const language of ["en-US", "zh-CN"] as const) {
    const visit = await browser.open(app.url, { language, size: { width: 360, height: 740 } });
    for (const [place, drawn] of Object.entries(VIEWS)) {
      await visit.go(place);
      await visit.page.waitForSelector(drawn);
      const width = await visit.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `${place} is ${width} wide in ${language}`);
    }
    assert.deepEqual(await findings(visit), []);
    visit.assertQuiet();
  }
});

Deno.test("page can be skipped to by key, and remembers language and theme", async () => {
  await using app = await startApp();
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { language: "fr-FR" });
  await visit.shows("h1", "Overview");
  await visit.page.keyboard.press("Tab");
  await visit.page.keyboard.press("Enter");
  assert.equal(await visit.page.evaluate(() => document.activeElement?.id), "main");
  await visit.isAt("");
  await visit.page.click("#language");
  await visit.shows("h1", "总览");
  await visit.page.click("#theme");
  await visit.page.click("#theme");
  await visit.page.reload();
  await visit.shows("h1", "总览");
  assert.equal(await visit.page.getAttribute("html", "lang"), "zh-CN");
  assert.equal(await visit.page.getAttribute("html", "data-theme"), "dark");
  visit.assertQuiet();
});
