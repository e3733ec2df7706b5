import { Problem } from "./problem.ts";
import type { Route } from "./route.ts";

/** A route and what its path's parameters are in one request. */
export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** The routes that one path may mean, with the path cut into its segments. */
interface Entry {
  readonly segments: readonly string[];
  readonly route: Route;
}

/** Finds the route for a method and a path: segments must be the same, `{name}` takes any one that is not empty. */
export class Router {
  readonly #byLength = new Map<number, Entry[]>();

  /** Of several routes that match, the first with fewer parameters wins. */
  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const segments = route.path.split("/");
      const entries = this.#byLength.get(segments.length) ?? [];
      entries.push({ segments, route });
      this.#byLength.set(segments.length, entries);
    }
    for (const entries of this.#byLength.values()) entries.sort((a, b) => parameters(a) - parameters(b));
  }

  /**
   * The route that answers.
   * @param pathname as it came, percent-encoded
   * @throws {Problem} 404 for an unknown path, 405 with `Allow` for another method, 400 for a fault in the encoding
   */
  match(method: string, pathname: string): Match {
    const parts = pathname.split("/");
    const wanted = method === "HEAD" ? "GET" : method;
    const allowed = new Set<string>();
    for (const { segments, route } of this.#byLength.get(parts.length) ?? []) {
      const params = bind(segments, parts);
      if (params === undefined) continue;
      if (route.method === wanted) return { route, params: decoded(params) };
      allowed.add(route.method);
      if (route.method === "GET") allowed.add("HEAD");
    }
    if (allowed.size === 0) throw new Problem(404, "there is nothing at this path");
    const allow = [...allowed].join(", ");
    throw new Problem(405, `${allow} is possible at this path`, { headers: { allow } });
  }
}

function parameters({ segments }: Entry): number {
  return segments.filter(isParameter).length;
}

function isParameter(segment: string): boolean {
  return segment.startsWith("{") && segment.endsWith("}");
}

function bind(segments: readonly string[], parts: readonly string[]): [name: string, value: string][] | undefined {
  const params: [string, string][] = [];
  for (const [place, segment] of segments.entries()) {
    const part = parts[place] ?? "";
    if (!isParameter(segment)) {
      if (segment !== part) return undefined;
    } else {
      if (part === "") return undefined;
      params.push([segment.slice(1, -1), part]);
    }
  }
  return params;
}

function decoded(params: readonly [name: string, value: string][]): Record<string, string> {
  try {
    return Object.fromEntries(params.map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch (cause) {
    if (!(cause instanceof URIError)) throw cause;
    throw new Problem(400, "the path has a % that two hexadecimal digits of UTF-8 must follow");
  }
}
