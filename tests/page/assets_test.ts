import { strict as assert } from "node:assert";
import { FILES, indexHtml, loginHtml } from "../../src/http/page/files.ts";
import { startApp } from "../support/app.ts";

const PAGE = new URL("../../src/http/page/", import.meta.url);
/** The most bytes that the page and all that it loads may have, uncompressed. */
const MOST_BYTES = 300_000;

function* filesIn(folder: URL, prefix = ""): Generator<string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.isDirectory) yield* filesIn(new URL(`${entry.name}/`, folder), `${prefix}${entry.name}/`);
    else yield prefix + entry.name;
  }
}

Deno.test("assets are all files of the page's folder, and small", () => {
  const served = [...Object.keys(FILES).filter((path) => !path.startsWith("uplot.")), "index.html", "login.html"];
  const there = [...filesIn(PAGE)].filter((path) => !path.endsWith(".ts"));
  assert.deepEqual(served.sort(), there.sort());
  const bytes = [...Object.values(FILES), indexHtml].reduce((sum, { length }) => sum + length, 0);
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
});

Deno.test("assets name no other host, and hold no inline script or style", () => {
  for (const [path, text] of Object.entries({ ...FILES, "index.html": indexHtml, "login.html": loginHtml })) {
    const hosts = [...text.matchAll(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}[^\s"')]*/g)].map(([url]) => url)
      .filter((url) => !url.includes("www.w3.org/2000/svg") && !path.startsWith("uplot."));
    assert.deepEqual(hosts, [], path);
    if (!path.endsWith(".html")) continue;
    assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/);
  }
});

Deno.test("assets are kept by browsers, the page is asked for again", async () => {
  await using app = await startApp();
  const page = await fetch(`${app.url}/`);
  const html = await page.text();
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(page.headers.get("content-security-policy") ?? "", /script-src 'self'; style-src 'self'/);
  assert.equal(page.headers.get("cache-control"), "no-cache");
  const again = await fetch(`${app.url}/`, { headers: { "if-none-match": page.headers.get("etag") ?? "" } });
  assert.equal(again.status, 304);
  assert.equal(await again.text(), "");

  const addresses = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, address]) => address);
  assert.equal(addresses.length, Object.keys(FILES).length - 1, "all but what belongs to the login");
  for (const address of addresses) {
    const asset = await fetch(`${app.url}${address}`);
    assert.equal(asset.status, 200, address);
    assert.equal(asset.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.match(asset.headers.get("content-type") ?? "", /^(text\/(javascript|css); charset=utf-8|image\/svg\+xml)$/);
    const known = asset.headers.get("etag") ?? "";
    await asset.body?.cancel();
    assert.equal((await fetch(`${app.url}${address}`, { headers: { "if-none-match": known } })).status, 304);
  }
});

Deno.test("assets need no login, the page does", async () => {
  await using app = await startApp("http.token = ops:a-long-enough-secret-of-one");
  const page = await fetch(`${app.url}/`, { headers: { accept: "text/html" } });
  const html = await page.text();
  assert.equal(page.status, 401);
  assert.match(html, /<form[^>]*action="\/login" method="post"/);
  for (const [, address] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
    const asset = await fetch(`${app.url}${address}`);
    assert.equal(asset.status, 200, address);
    await asset.body?.cancel();
  }
});
