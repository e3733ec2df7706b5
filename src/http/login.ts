import { type Access, logoutCookie } from "./access.ts";
import { Problem } from "./problem.ts";
import type { Call, Route } from "./route.ts";

/** Makes the page that asks for a token, with status 401. */
export type LoginPage = () => Response;

/** Login and logout of the page, by form or by JSON. */
export function loginRoutes(access: Access, page: LoginPage): Route[] {
  return [
    { method: "POST", path: "/login", anonymous: true, form: true, handle: (call) => login(call, access, page) },
    { method: "POST", path: "/logout", anonymous: true, form: true, handle: logout },
  ];
}

async function login({ request, body, peer }: Call, access: Access, page: LoginPage): Promise<Response> {
  if (!access.needsToken) return done(request, undefined);
  const cookie = await access.login(tokenIn(body), request, peer);
  if (cookie !== undefined) return done(request, cookie);
  if (isForm(request)) return page();
  throw new Problem(401, "the token is not known", { field: "token" });
}

function logout({ request }: Call): Response {
  return done(request, logoutCookie(request));
}

/** A form leads on to the page; a script wants no page. */
function done(request: Request, cookie: string | undefined): Response {
  const headers = new Headers(cookie === undefined ? {} : { "set-cookie": cookie });
  if (!isForm(request)) return new Response(null, { status: 204, headers });
  headers.set("location", "/");
  return new Response(null, { status: 303, headers });
}

function isForm({ headers }: Request): boolean {
  return headers.get("content-type")?.startsWith("application/x-www-form-urlencoded") ?? false;
}

function tokenIn(body: unknown): string {
  const token = typeof body === "object" && body !== null && "token" in body ? body.token : undefined;
  if (typeof token !== "string") throw new Problem(400, "a token is required", { field: "token" });
  return token.trim();
}
