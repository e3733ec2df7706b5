import { strict as assert } from "node:assert";
import { startApp } from "../support/app.ts";
import { freePort } from "../support/free_port.ts";
import { sendBeat } from "./agents.ts";
import { TestBrowser } from "./browser.ts";

Deno.test("page says that it is stale while the service is down, and goes on by itself when it is back", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "hb-page-" });
  const config = `http.port = ${freePort()}`;
  try {
    const before = await startApp(config, { dataDir });
    await using browser = await TestBrowser.launch();
    let visit;
    try {
      await sendBeat(before.beatAddress);
      visit = await browser.open(before.url);
      await visit.shows(".live", "Live");
      await visit.shows(".tile-online", "1");
      visit.assertQuiet();
    } finally {
      await before.stop();
    }
    await visit.shows(".banner", "Not live: nothing has come from the service since");
    await visit.shows(".live", "Stale");
    const greyed = await visit.page.evaluate(() =>
      getComputedStyle(document.querySelector(".tiles") as Element).filter
    );
    assert.equal(greyed, "grayscale(1)");

    await using after = await startApp(config, { dataDir });
    await visit.shows(".live", "Live");
    await visit.counts(".banner[data-key=stale]", 0);
    await sendBeat(after.beatAddress, { ip: "10.0.0.2", asset: "after the restart" });
    await visit.shows(".tile-online", "2");
    await visit.shows(".events li", "after the restart");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("page asks for the token when the service comes back with another one", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "hb-page-" });
  const config = (secret: string) => `http.port = ${port}\nhttp.token = ops:${secret}`;
  const port = freePort();
  try {
    await using browser = await TestBrowser.launch();
    const before = await startApp(config("the-first-secret-of-all"), { dataDir });
    let visit;
    try {
      visit = await browser.open(before.url);
      await visit.page.fill("#token", "the-first-secret-of-all");
      await visit.page.keyboard.press("Enter");
      await visit.shows(".live", "Live");
    } finally {
      await before.stop();
    }
    await using _after = await startApp(config("quite-another-secret"), { dataDir });
    await visit.shows("h1", "Log in");
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
