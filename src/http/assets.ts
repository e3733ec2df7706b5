import { createHash } from "node:crypto";
import { FILES, indexHtml, loginHtml } from "./page/files.ts";
import type { Route } from "./route.ts";

const HTML = "text/html; charset=utf-8";
const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Scripts that are loaded by a tag of their own; all others are modules that main.js will ask for. */
const TAGGED: ReadonlySet<string> = new Set(["uplot.js", "theme.js", "main.js", "login.js"]);

/** The folder's name changes with what is in the files, so a browser never has to ask for one twice. */
const FOLDER = `/assets/${digest(Object.entries(FILES).flat().join("\0")).slice(0, 16)}`;

/** The page and its files. The files hold nothing secret, and the login page needs some of them. */
export function pageRoutes(): Route[] {
  const files = Object.entries(FILES).map(([path, text]) => {
    const type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    if (type === undefined) throw new Error(`no media type is known for ${path}`);
    return textRoute(`${FOLDER}/${path}`, text, { type, cache: "public, max-age=31536000, immutable" });
  });
  const index = textRoute("/", complete(indexHtml), { type: HTML, cache: "no-cache" });
  return [index, ...files.map((route) => ({ ...route, anonymous: true }))];
}

/** What a browser gets that comes without a login. */
export function loginPage(): Response {
  return new Response(complete(loginHtml), { status: 401, headers: { "content-type": HTML } });
}

/** Fills in where the files are; modules are named in the page, so that they need not be found one after the other. */
function complete(html: string): string {
  const preload = Object.keys(FILES).filter((path) => path.endsWith(".js") && !TAGGED.has(path))
    .map((path) => `<link rel="modulepreload" href="${FOLDER}/${path}">`).join("\n");
  return html.replaceAll("{{assets}}", FOLDER).replace("{{preload}}", preload);
}

function textRoute(path: string, text: string, { type, cache }: { type: string; cache: string }): Route {
  const bytes = new TextEncoder().encode(text);
  const etag = `"${digest(text).slice(0, 24)}"`;
  return {
    method: "GET",
    path,
    handle({ request }) {
      const headers = { etag, "content-type": type, "cache-control": cache };
      if (!isKnown(request, etag)) return new Response(bytes, { headers });
      return new Response(null, { status: 304, headers });
    },
  };
}

/** Whether the browser has this text; Deno makes the tag of a compressed answer a weak one. */
function isKnown({ headers }: Request, etag: string): boolean {
  const known = headers.get("if-none-match");
  if (known === null) return false;
  return known.trim() === "*" || known.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
