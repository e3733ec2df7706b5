/** One request that may be answered: its sender is known and allowed to ask. */
export interface Call {
  readonly request: Request;
  readonly url: URL;
  /** What stands in the place of each `{name}` of the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Who asks, for the audit: the name of the token, or `local`. */
  readonly who: string;
}

/** Something that the HTTP side answers. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** Such as `/api/v1/agents/{ip}`. */
  readonly path: string;
  /** Whether it needs no token and no known Host, as the health checks of balancers. */
  readonly open?: boolean;
  /** @throws {Problem} to be answered with it */
  handle(call: Call): Response | Promise<Response>;
}
