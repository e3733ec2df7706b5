import { strict as assert } from "node:assert";
import { startApp } from "../support/app.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { addressOf, fill, sendBeat } from "./agents.ts";
import { TestBrowser } from "./browser.ts";

const ROWS = ".agents-table tbody tr";

Deno.test("agents are found as one types, with the filters in the address", async () => {
  await using app = await startApp();
  fill(app.app.fleet, 120);
  await sendBeat(app.beatAddress, { ip: "192.168.7.7", asset: "db-master", version: "0.2.0", apps: '{"nginx":"2.0"}' });
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents" });
  await visit.shows(".result", "121 agents");
  await visit.counts(ROWS, 50);
  await visit.shows(".tabs", "Online 121");

  await visit.page.keyboard.press("/");
  await visit.page.keyboard.type("master");
  await visit.counts(ROWS, 1);
  await visit.shows(ROWS, "db-master");
  await visit.shows(".result", "1 of 121 agents matches");
  await visit.isAt("/agents?q=master");
  await visit.page.reload();
  await visit.counts(ROWS, 1);
  assert.equal(await visit.page.inputValue("#search"), "master");

  await visit.page.click("text=Clear filters");
  await visit.counts(ROWS, 50);
  for (const [name, value] of [["cidr", "192.168.0.0/16"], ["app", "nginx@2.0"], ["version", "0.2.0"]] as const) {
    await visit.page.fill(`[name=${name}]`, value);
    await visit.page.press(`[name=${name}]`, "Enter");
    await visit.counts(ROWS, 1);
    await visit.page.click("text=Clear filters");
    await visit.counts(ROWS, 50);
  }
  await visit.page.goBack();
  await visit.isAt("/agents?version=0.2.0");
  await visit.counts(ROWS, 1);
  assert.equal(await visit.page.inputValue("[name=version]"), "0.2.0");
  visit.assertQuiet();
});

Deno.test("agents say what is wrong with a filter", async () => {
  await using app = await startApp();
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents?cidr=nonsense" });
  await visit.shows(".fault", "This cannot be shown: cidr must be address ranges");
  await visit.go("/agents");
  await visit.shows(".table-box", "No agents yet.");
  assert.equal(await visit.page.locator(".fault").isVisible(), false);
});

Deno.test("agents are sorted and paged", async () => {
  await using app = await startApp();
  fill(app.app.fleet, 120);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents" });
  await visit.shows(".pager", "1 / 3");
  const sorted = () => visit.page.getAttribute("th.col-asset", "aria-sort");
  assert.equal(await visit.page.getAttribute("th.col-ip", "aria-sort"), "ascending");
  await visit.page.click("th.col-asset button");
  await visit.isAt("/agents?sort=asset");
  assert.equal(await sorted(), "ascending");
  await visit.page.click("th.col-asset button");
  await visit.isAt("/agents?sort=-asset");
  await visit.shows(ROWS, "web-99");
  assert.equal(await sorted(), "descending");

  await visit.page.click("[aria-label='Last page']");
  await visit.isAt("/agents?sort=-asset&page=3");
  await visit.counts(ROWS, 20);
  assert.equal(await visit.page.isDisabled("[aria-label='Next page']"), true);
  await visit.page.selectOption(".pager select", "500");
  await visit.counts(ROWS, 120);
  await visit.page.goBack();
  await visit.counts(ROWS, 20);
  visit.assertQuiet();
});

Deno.test("agents can be reached by keys alone", async () => {
  await using app = await startApp();
  fill(app.app.fleet, 5);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  await visit.shows(".tile-online", "5");
  await visit.page.keyboard.press("?");
  await visit.shows("dialog", "move between rows");
  await visit.page.keyboard.press("Escape");
  await visit.counts("dialog", 0);
  await visit.page.keyboard.press("/");
  await visit.isAt("/agents");
  await visit.counts(ROWS, 5);
  await visit.page.keyboard.press("ArrowDown");
  await visit.page.keyboard.press("ArrowDown");
  await visit.page.keyboard.press("ArrowDown");
  await visit.page.keyboard.press("ArrowUp");
  await visit.page.keyboard.press("Enter");
  await visit.isAt(`/agents/${addressOf(1)}`);
  await visit.page.keyboard.press("g");
  await visit.page.keyboard.press("h");
  await visit.isAt("/health");
  visit.assertQuiet();
});

Deno.test("agents are shown again in place while they change", async () => {
  await using app = await startApp();
  fill(app.app.fleet, 3);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents" });
  await visit.counts(ROWS, 3);
  await visit.page.focus(`${ROWS}:nth-child(2) a`);
  await sendBeat(app.beatAddress, { ip: "10.0.0.0", asset: "renamed" });
  await sendBeat(app.beatAddress, { ip: "9.9.9.9", asset: "before all" });
  await visit.counts(ROWS, 4);
  await visit.shows(ROWS, "before all");
  await visit.shows(`${ROWS}:nth-child(2)`, "renamed");
  assert.equal(await visit.page.evaluate(() => document.activeElement?.textContent), addressOf(1));
  visit.assertQuiet();
});

Deno.test("agents are forgotten, pruned and silenced after asking", async () => {
  const clock = new FakeClock();
  await using app = await startApp("agent.grace = 0\nguard.minAgents = 1000", { clock });
  fill(app.app.fleet, 3, clock);
  clock.advance(2 * 86_400_000);
  await sendBeat(app.beatAddress, { ip: "10.7.7.7", asset: "alive" });
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents" });
  await visit.counts(ROWS, 4);

  await visit.page.click("[aria-label='Forget 10.0.0.1']");
  await visit.shows("dialog", "web-1 10.0.0.1 disappears from all lists");
  await visit.page.click("dialog .danger");
  await visit.counts(ROWS, 3);

  await visit.page.click("text=Prune…");
  await visit.page.selectOption("#prune-for", "1h");
  await visit.page.click("dialog .danger");
  await visit.shows(".notes", "2 agents were forgotten.");
  await visit.counts(ROWS, 1);

  await visit.page.click("[aria-label='Silence 10.7.7.7']");
  assert.equal(await visit.page.inputValue("#silence-cidr"), "10.7.7.7");
  await visit.page.fill("#silence-cidr", "10.7.7.0/33");
  await visit.page.click("dialog .primary");
  await visit.shows("dialog .fault", "cidr");
  await visit.page.fill("#silence-cidr", "10.7.7.0/24");
  await visit.page.fill("#silence-reason", "new switch");
  await visit.page.click("dialog .primary");
  await visit.shows(ROWS, "silenced");

  await visit.go("/silences");
  await visit.shows(".silences", /10\.7\.7\.0\/24 1 .* new switch local/);
  await visit.page.click("text=End…");
  await visit.page.click("dialog .primary");
  await visit.shows(".panel", "No silence is active.");
  assert.equal(app.app.fleet.countSilenced, 0);
});

Deno.test("agents are found quickly among 100,000", async () => {
  await using app = await startApp();
  fill(app.app.fleet, 100_000);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents?size=500" });
  await visit.shows(".result", "100,000 agents");
  await visit.counts(ROWS, 500);
  await visit.page.fill("#search", "web-99999");
  await visit.counts(ROWS, 1);
  await visit.shows(ROWS, addressOf(99_999));
  await visit.go("/agents?sort=-asset&page=2000");
  await visit.shows(".pager", "2,000 / 2,000");
  await visit.counts(ROWS, 50);
  await visit.go("/");
  await visit.shows(".tile-online", "100,000");
  visit.assertQuiet();
});
