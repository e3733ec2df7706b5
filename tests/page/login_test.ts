import { strict as assert } from "node:assert";
import { startApp } from "../support/app.ts";
import { sendBeat } from "./agents.ts";
import { TestBrowser } from "./browser.ts";

const SECRET = "correct-horse-battery-staple";

Deno.test("page asks for the token, comes to where one wanted to go, and logs out", async () => {
  await using app = await startApp(`http.token = ops:${SECRET}`);
  await sendBeat(app.beatAddress);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { place: "/agents?q=web" });
  await visit.shows("h1", "Log in");
  await visit.page.fill("#token", "wrong");
  await visit.page.keyboard.press("Enter");
  await visit.shows("#fault", "This token is not known.");
  await visit.page.fill("#token", SECRET);
  await visit.page.keyboard.press("Enter");
  await visit.counts(".agents-table tbody tr", 1);
  await visit.isAt("/agents?q=web");

  await visit.page.click("[aria-label='Forget 10.0.0.1']");
  await visit.page.click("dialog .danger");
  await visit.go("/events?kind=audit");
  await visit.shows(".events", "ops, forget");
  await visit.page.click("text=Log out");
  await visit.shows("h1", "Log in");
  // The browser takes note of the 401 answers: of each page that asks for a login, and of the wrong token.
  assert.deepEqual(visit.faults.filter((fault) => !fault.includes("status of 401")), []);
});

Deno.test("page asks for the token again when the login has run out", async () => {
  await using app = await startApp(`http.token = ops:${SECRET}`);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url);
  await visit.page.fill("#token", SECRET);
  await visit.page.keyboard.press("Enter");
  await visit.shows(".live", "Live");
  await visit.page.context().clearCookies();
  await visit.page.click("text=Agents");
  await visit.shows("h1", "Log in");
  assert.equal(visit.place, "/agents");
});

Deno.test("page is shown at once to who is logged in and follows a link on another site", async () => {
  await using app = await startApp(`http.token = ops:${SECRET}`);
  const wiki = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(`<a href="${app.url}/#/health">service</a>`, { headers: { "content-type": "text/html" } }),
  );
  try {
    await using browser = await TestBrowser.launch();
    const visit = await browser.open(app.url);
    await visit.page.fill("#token", SECRET);
    await visit.page.keyboard.press("Enter");
    await visit.shows("h1", "Overview");
    await visit.page.goto(`http://localhost:${wiki.addr.port}/`);
    await visit.page.click("a");
    await visit.shows("h1", "Health");
  } finally {
    await wiki.shutdown();
  }
});

Deno.test("login page speaks the browser's language", async () => {
  await using app = await startApp(`http.token = ops:${SECRET}`);
  await using browser = await TestBrowser.launch();
  const visit = await browser.open(app.url, { language: "zh-CN" });
  await visit.shows("h1", "登录");
});
