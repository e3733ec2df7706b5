/**
 * What browsers may do with every answer: take it for nothing else than it says, show it to no other site, load nothing
 * from elsewhere. Referrer-Policy is same-origin, because with no-referrer a form's POST says `Origin: null`
 * (Fetch standard, "append a request Origin header"), which is what a foreign page's may say too.
 */
const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "same-origin",
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
};

/** The answer with the headers that every answer has, but for those that it sets itself. */
export function withHeaders(response: Response): Response {
  const missing = Object.entries(HEADERS).filter(([name]) => !response.headers.has(name));
  for (const [name, value] of missing) response.headers.set(name, value);
  return response;
}
