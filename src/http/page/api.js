// @ts-check

/** An answer that says that something could not be done, or no answer at all (status 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} detail @param {string} [field] */
  constructor(status, detail, field) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.field = field;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, signal?: AbortSignal | undefined }} [options]
 * @returns {Promise<any>} the answer, undefined where it is empty
 * @throws {ApiError}
 */
async function send(method, path, { body, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  } catch (cause) {
    if (isAborted(cause)) throw cause;
    throw new ApiError(0, String(cause));
  }
  // The login has run out: the same address now shows the login page.
  if (response.status === 401) location.reload();
  const text = await response.text();
  const answer = text === "" || !isJson(response) ? undefined : JSON.parse(text);
  if (response.ok) return answer;
  throw new ApiError(response.status, answer?.detail ?? `HTTP ${response.status}`, answer?.field);
}

/** @param {Response} response @returns {boolean} */
function isJson(response) {
  return /\bjson\b/.test(response.headers.get("content-type") ?? "");
}

/** @param {unknown} cause @returns {boolean} whether we ourselves gave up this question */
export function isAborted(cause) {
  return cause instanceof DOMException && cause.name === "AbortError";
}

/**
 * @param {string} path below /api/v1/
 * @param {Record<string, string | number | undefined>} [query] what is empty or undefined is left out
 * @param {AbortSignal} [signal]
 */
export function get(path, query = {}, signal) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return send("GET", `/api/v1/${path}${text === "" ? "" : `?${text}`}`, { signal });
}

/** @param {string} path below /api/v1/ @param {unknown} [body] */
export function post(path, body = {}) {
  return send("POST", `/api/v1/${path}`, { body });
}

/** @param {string} path below /api/v1/ */
export function remove(path) {
  return send("DELETE", `/api/v1/${path}`);
}

/** What /readyz says; it answers 503 with the same JSON when the service is not ready. @param {AbortSignal} signal */
export async function readiness(signal) {
  const response = await fetch("/readyz", { signal });
  return await response.json();
}

/** Ends the login and shows the login page. */
export async function logout() {
  await send("POST", "/logout");
  location.reload();
}

/**
 * Loads something again and again; a new question cancels the former one, so that answers cannot overtake each other.
 * @template T
 */
export class Loader {
  #load;
  #done;
  #failed;
  /** @type {AbortController | undefined} */
  #abort;

  /**
   * @param {(signal: AbortSignal) => Promise<T>} load
   * @param {(answer: T) => void} done
   * @param {(error: unknown) => void} failed
   */
  constructor(load, done, failed) {
    this.#load = load;
    this.#done = done;
    this.#failed = failed;
  }

  get busy() {
    return this.#abort !== undefined;
  }

  async run() {
    this.#abort?.abort();
    const abort = this.#abort = new AbortController();
    try {
      const answer = await this.#load(abort.signal);
      if (this.#abort === abort) this.#done(answer);
    } catch (cause) {
      if (this.#abort === abort && !isAborted(cause)) this.#failed(cause);
    } finally {
      if (this.#abort === abort) this.#abort = undefined;
    }
  }

  /** Loads unless that is under way. */
  quietly() {
    if (!this.busy) this.run();
  }

  close() {
    this.#abort?.abort();
    this.#abort = undefined;
  }
}
