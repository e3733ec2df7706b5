import { strict as assert } from "node:assert";
import { startApp } from "../support/app.ts";
import { fill, sendBeat } from "./agents.ts";
import { TestBrowser } from "./browser.ts";

Deno.test("events come live, and can be narrowed to kinds and to one agent", async () => {
  await using app = await startApp();
  await sendBeat(app.beatAddress);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/events" });
  await visit.counts(".events li", 1);
  await sendBeat(app.beatAddress, { ip: "10.0.0.2", asset: "web-2" });
  await sendBeat(app.beatAddress, { version: "0.4.0" });
  await visit.counts(".events li", 3);
  await visit.shows(".events li", "web-1 10.0.0.1 has version 0.4.0, was 0.3.3");

  await visit.page.check("[value=versionChanged]");
  await visit.isAt("/events?kind=versionChanged");
  await visit.counts(".events li", 1);
  await visit.page.uncheck("[value=versionChanged]");
  await visit.page.fill("input[type=search]", "10.0.0.2");
  await visit.page.press("input[type=search]", "Enter");
  await visit.counts(".events li", 1);
  await visit.shows(".events li", "web-2");

  const time = visit.page.locator(".events time").first();
  assert.match(await time.getAttribute("title") ?? "", /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC · /);
  visit.assertQuiet();
});

Deno.test("events further back are loaded on request", async () => {
  await using app = await startApp();
  fill(app.app.fleet, 250);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/events" });
  await visit.counts(".events li", 100);
  await visit.page.click("text=Load more");
  await visit.counts(".events li", 200);
  await visit.page.click("text=Load more");
  await visit.counts(".events li", 250);
  assert.equal(await visit.page.locator("text=Load more").isVisible(), false);
  const keys = await visit.page.locator(".events li").evaluateAll((lines) =>
    lines.map((line) => line instanceof HTMLElement ? line.dataset.key : undefined)
  );
  assert.equal(new Set(keys).size, 250);
  visit.assertQuiet();
});

Deno.test("events of a whole fleet that comes at once leave the page quick and its list bounded", async () => {
  await using app = await startApp();
  await sendBeat(app.beatAddress);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/events" });
  await visit.counts(".events li", 1);
  fill(app.app.fleet, 20_000);
  await visit.shows(".events li", "web-19999");
  await visit.page.keyboard.press("g");
  await visit.page.keyboard.press("o");
  await visit.shows(".tile-online", "20,000");
  await visit.page.goBack();
  await visit.shows(".events li", "web-19999");
  assert.ok(await visit.page.locator(".events li").count() <= 1_000);
  visit.assertQuiet();
});
