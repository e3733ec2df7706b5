import { strict as assert } from "node:assert";
import { FakeClock } from "../support/fake_clock.ts";
import { startApp } from "../support/app.ts";
import { fill, sendBeat } from "./agents.ts";
import { TestBrowser } from "./browser.ts";

Deno.test("overview tells how to connect the first agent, and follows the fleet from its first beat on", async () => {
  await using app = await startApp();
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  await visit.shows(".first", "No agent has beaten yet");
  await visit.shows(".first pre", ":thrift.heartbeat.port");
  assert.equal(await visit.page.locator(".tiles").isVisible(), false);

  await sendBeat(app.beatAddress);
  await visit.shows(".tile-online", "1");
  assert.equal(await visit.page.locator(".first").isVisible(), false);
  await visit.shows(".events li", "web-1 10.0.0.1 is new");
  await visit.shows(".chart", "Online 1");
  visit.assertQuiet();
});

Deno.test("overview tiles lead to the agents in that state", async () => {
  const clock = new FakeClock();
  await using app = await startApp("agent.grace = 0\nguard.minAgents = 1000", { clock });
  fill(app.app.fleet, 3, clock);
  clock.advance(700_000);
  await sendBeat(app.beatAddress, { ip: "10.9.9.9", asset: "late" });
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  await visit.shows(".tile-offline", "3");
  await visit.shows(".tile-online", "1");
  await visit.page.click(".tile-offline");
  await visit.isAt("/agents?state=offline");
  await visit.counts(".agents-table tbody tr", 3);
  await visit.page.goBack();
  await visit.shows("h1", "Overview");
  visit.assertQuiet();
});

Deno.test("overview charts show the span that was chosen, and remember it", async () => {
  await using app = await startApp();
  await sendBeat(app.beatAddress);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  const asked = visit.page.waitForRequest((request) => request.url().includes("/api/v1/history"));
  await visit.page.click("text=6 h");
  assert.match((await asked).url(), /span=6h/);
  await visit.counts(".chart canvas", 3);
  await visit.page.reload();
  await visit.shows("[aria-pressed=true]", "6 h");
  const said = visit.page.locator(".chart-box").first();
  await visit.page.waitForFunction(() =>
    document.querySelector(".chart-box")?.getAttribute("aria-label")?.startsWith("Online: now 1")
  );
  assert.match(await said.getAttribute("aria-label") ?? "", /least \d+, most 1\./);
  visit.assertQuiet();
});

Deno.test("overview says above everything which part of the service does not work", async () => {
  await using app = await startApp();
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  await visit.shows(".banner.bad", "Not all of the service works: RabbitMQ (down)");
  await visit.shows(".banner.bad", "127.0.0.1:1: nothing listens there");
  await visit.page.click(".banner >> text=Show health");
  await visit.isAt("/health");
  visit.assertQuiet();
});

Deno.test("overview explains the guard, and releases it after asking", async () => {
  const clock = new FakeClock();
  await using app = await startApp("agent.grace = 0", { clock });
  fill(app.app.fleet, 40, clock);
  clock.advance(599_000);
  await sendBeat(app.beatAddress, { ip: "10.9.9.9", asset: "alive" });
  clock.advance(2_000);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  await visit.shows(".banner", "Mass-loss guard is on");
  await visit.shows(".banner", "40 of 41 agents fell silent");
  await visit.page.click("text=Release guard…");
  await visit.shows("dialog", "40 held agents go offline unless they beat");
  await visit.page.click("dialog >> text=Cancel");
  await visit.counts("dialog", 0);
  assert.equal(app.app.fleet.status(clock.now).guardSinceMs === undefined, false);

  await visit.page.click("text=Release guard…");
  await visit.page.click("dialog .danger");
  await visit.counts(".banner[data-key=guard]", 0);
  await visit.shows(".notes", "The guard is released.");
  await visit.go("/events?kind=guardOff,audit");
  await visit.shows(".events", "Guard off");
  await visit.shows(".events", "local, guard release");
  visit.assertQuiet();
});
