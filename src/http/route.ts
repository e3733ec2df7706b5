/** One request that may be answered: its sender is known and allowed to ask, its body is read. */
export interface Call {
  /** For its method and headers; its body is used up. */
  readonly request: Request;
  readonly url: URL;
  /** What stands in the place of each `{name}` of the route's path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The parsed JSON, or the fields of a form; undefined where the request has no body. */
  readonly body: unknown;
  /** Who asks, for the audit: the name of the token, or `local`. */
  readonly who: string;
  /** Address of the TCP peer, which may be a reverse proxy. */
  readonly peer: string;
}

/** Something that the HTTP side answers. GET answers HEAD as well. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** Such as `/api/v1/agents/{ip}`. */
  readonly path: string;
  /** Whether it needs no token and no known Host, as the health checks of balancers. */
  readonly open?: boolean;
  /** Whether it needs no token, as the login; Host and origin are checked all the same. */
  readonly anonymous?: boolean;
  /** Whether its body may be a form besides JSON. */
  readonly form?: boolean;
  /** @throws {Problem} to be answered with it */
  handle(call: Call): Response | Promise<Response>;
}
