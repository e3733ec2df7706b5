// node:http and not fetch: fetch takes the proxy that http_proxy names for loopback as well, and cannot be told not to.
import { type IncomingMessage, request } from "node:http";
import { z } from "zod";
import { errorText } from "../error_text.ts";
import { CommandError } from "./command.ts";
import { type Endpoint, readEndpoint } from "./endpoint.ts";

/** How long an answer may take, ms. */
const DEADLINE_MS = 5_000;
/** How long an answer may take that needs the whole fleet to be looked at, ms. */
export const LONG_DEADLINE_MS = 30_000;
/** How long a stream may say nothing before it counts as lost, ms; the service says something every second. */
const IDLE_MS = 30_000;
/** The longest answer that is taken, bytes; a page of agents has about 1 MB. */
const MAX_ANSWER = 256 * 1024 * 1024;

const ADVICE = "Does it run? systemctl status elves-heartbeat; journalctl -u elves-heartbeat -n 50";

/** The service did not do what was asked. The message says what was tried, what happened and what to do next. */
export class ServiceError extends CommandError {
  override name = "ServiceError";
  override readonly exitCode: number;
  /** The HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, { status, cause }: { status?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.status = status;
    // A parameter that the service cannot use came from the command line.
    this.exitCode = status === 400 ? 2 : 1;
  }
}

/** Parameters of a question; undefined ones are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** What is asked beside the path. */
export interface Question {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** A status that is an answer too, though no good one. */
  readonly alsoTakes?: number;
  /** How the caller knows parameters and fields that an error may name. */
  readonly names?: Readonly<Record<string, string>>;
  /** Ends the question, and the stream that answers it, early. */
  readonly signal?: AbortSignal | undefined;
}

const PROBLEM = z.object({ detail: z.string(), field: z.string().optional() });

/** The running service, asked over HTTP. */
export class Service {
  readonly endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** The service that runs with a configuration. @throws {ConfigError} */
  static of({ config }: { readonly config: string }): Service {
    return new Service(readEndpoint(config));
  }

  /** Asks for JSON; undefined where the answer is empty. @throws {ServiceError} */
  async ask(path: string, question: Question = {}): Promise<unknown> {
    const { answer, done } = await this.#send(path, question);
    try {
      const text = await this.#text(answer);
      return text === "" ? undefined : JSON.parse(text);
    } catch (cause) {
      throw this.#failure(path, question, cause);
    } finally {
      done();
    }
  }

  /** Asks for JSON of a known shape. @throws {ServiceError} */
  async askFor<T>(shape: z.ZodType<T>, path: string, question: Question = {}): Promise<T> {
    return this.understood(shape, await this.ask(path, question), path);
  }

  /** An answer in the shape that this build knows. @throws {ServiceError} when it has another */
  understood<T>(shape: z.ZodType<T>, answer: unknown, path: string): T {
    const result = shape.safeParse(answer);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const detail = `${path} answered something unexpected (${issue?.path.join(".")}: ${issue?.message})`;
    const advice = "Is it of another version? Compare elves-heartbeat version with elves-heartbeat status --json";
    throw new ServiceError(`${this.endpoint.base}${detail}\n${advice}`);
  }

  /** Asks for bytes that come piece by piece, each within {@link IDLE_MS}. @throws {ServiceError} also while they are read */
  async *stream(path: string, question: Question = {}): AsyncGenerator<Uint8Array, void, void> {
    const { answer, done } = await this.#send(path, question);
    // Only the first piece has a deadline of its own; from here on a silence ends it.
    done();
    answer.setTimeout(IDLE_MS, () => answer.destroy(new Error(`it said nothing for ${IDLE_MS / 1000} s`)));
    try {
      for await (const chunk of answer) yield chunk;
      if (!answer.complete) throw new Error("the connection was closed in the middle of the answer");
    } catch (cause) {
      if (!question.signal?.aborted) throw this.#failure(path, question, cause);
    } finally {
      answer.destroy();
    }
  }

  /** Sends a question and waits for the head of a good answer; `done` ends the deadline. */
  async #send(path: string, question: Question): Promise<{ answer: IncomingMessage; done: () => void }> {
    const { deadlineMs = DEADLINE_MS, signal } = question;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`no answer within ${deadlineMs / 1000} s`)), deadlineMs);
    const done = () => clearTimeout(timer);
    try {
      const signals = signal === undefined ? [late.signal] : [late.signal, signal];
      const answer = await this.#request(path, question, AbortSignal.any(signals));
      const status = answer.statusCode ?? 0;
      if ((status >= 200 && status < 300) || status === question.alsoTakes) return { answer, done };
      throw this.#refusal(status, await this.#text(answer), question);
    } catch (cause) {
      done();
      if (cause instanceof ServiceError) throw cause;
      throw this.#failure(path, question, late.signal.aborted ? late.signal.reason : cause);
    }
  }

  #request(path: string, { method = "GET", query = {}, body, headers }: Question, signal: AbortSignal) {
    const url = new URL(path, this.endpoint.base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { token } = this.endpoint;
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(url, {
        method,
        signal,
        agent: false,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(text === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
      }, resolve);
      sent.on("error", reject);
      sent.end(text);
    });
  }

  async #text(answer: IncomingMessage): Promise<string> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of answer) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ANSWER) throw new Error(`the answer is longer than ${MAX_ANSWER} bytes`);
    }
    return new TextDecoder().decode(await new Blob(chunks as BlobPart[]).arrayBuffer());
  }

  /** An answer that is an error. */
  #refusal(status: number, text: string, { names = {} }: Question): ServiceError {
    const { base, token, config } = this.endpoint;
    if (status === 401) {
      const message = token === undefined
        ? `${base} wants a token, and ${config} has none: set http.token or http.tokenFile as the service has it`
        : `${base} does not know the first token of http.token or http.tokenFile in ${config}\n` +
          "Was it changed? systemctl reload elves-heartbeat makes the service read it again";
      return new ServiceError(message, { status });
    }
    const problem = parsed(text);
    if (problem === undefined) {
      const message = `${base} answered with status ${status} and no explanation: is something else on that port ` +
        `(http.port in ${config})?`;
      return new ServiceError(message, { status });
    }
    const advice = status >= 500 ? "\nMore is in its log: journalctl -u elves-heartbeat -n 50" : "";
    const detail = problem.detail.replace(/^\w+/, (field) => field === problem.field ? names[field] ?? field : field);
    return new ServiceError(`${detail}${advice}`, { status });
  }

  /** No answer, or one that broke off. */
  #failure(path: string, { method = "GET" }: Question, cause: unknown): ServiceError {
    if (cause instanceof ServiceError) return cause;
    const { base, config } = this.endpoint;
    const code = (cause as { code?: unknown } | undefined)?.code;
    const asked = `${method} ${base}${path}`;
    if (cause instanceof SyntaxError || (typeof code === "string" && code.startsWith("HPE_"))) {
      const what = `${asked}: what answered there is not this service (http.host, http.port in ${config})`;
      return new ServiceError(`${what}\n${ADVICE}`, { cause });
    }
    const reason = code === "ECONNREFUSED" ? "nothing listens there" : errorText(cause);
    return new ServiceError(`${asked} (http.host, http.port in ${config}): ${reason}\n${ADVICE}`, { cause });
  }
}

/** A problem (RFC 9457); undefined when the text is none. */
function parsed(text: string): z.infer<typeof PROBLEM> | undefined {
  try {
    return PROBLEM.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
