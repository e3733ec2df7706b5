/** Media type of every error of the API (RFC 9457). */
const PROBLEM_TYPE = "application/problem+json";

/** Parts of a problem beside status and detail. */
export interface ProblemExtra {
  /** The parameter or field that is wrong. */
  readonly field?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A question that is answered with an error. The detail says what was required and what came. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly extra: ProblemExtra;

  /** @param status the HTTP status, 400 or above */
  constructor(status: number, detail: string, extra: ProblemExtra = {}) {
    super(detail);
    this.status = status;
    this.extra = extra;
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** The answer that tells of a problem, as RFC 9457 has it: `{type, title, status, detail, field?}`. */
export function problemResponse({ status, message, extra: { field, headers } }: Problem): Response {
  const body = { type: "about:blank", title: TITLES[status] ?? "Error", status, detail: message, field };
  return Response.json(body, { status, headers: { ...headers, "content-type": PROBLEM_TYPE } });
}
