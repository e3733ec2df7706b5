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
/** The longest answer that is taken, characters; a page of agents has about 1 MB. */
const MAX_ANSWER = 256 * 1024 * 1024;

const ADVICE = "Does it run? systemctl status elves-heartbeat; journalctl -u elves-heartbeat -n 50";

const OTHER_SERVER = "what answered is not this service";

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
    const deadline = new Deadline(question);
    try {
      const text = await textOf(await this.#send(path, question, deadline));
      return text === "" ? undefined : JSON.parse(text);
    } catch (cause) {
      throw this.#failure(path, question, deadline.reason ?? cause);
    } finally {
      deadline.end();
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

  /**
   * Asks for bytes that come piece by piece. Ends quietly when the caller's signal comes.
   * @throws {ServiceError} also while they are read
   */
  async *stream(path: string, question: Question = {}): AsyncGenerator<Uint8Array, void, void> {
    const deadline = new Deadline(question);
    try {
      const answer = await this.#send(path, question, deadline);
      deadline.renew(IDLE_MS);
      for await (const chunk of answer.body ?? []) {
        deadline.renew(IDLE_MS);
        yield chunk;
      }
    } catch (cause) {
      if (!question.signal?.aborted) throw this.#failure(path, question, deadline.reason ?? cause);
    } finally {
      deadline.end();
    }
  }

  /** Sends a question and waits for the head of a good answer. @throws {ServiceError} when the answer is an error */
  async #send(path: string, question: Question, { signal }: Deadline): Promise<Response> {
    const { method = "GET", query = {}, body, headers = {} } = question;
    const url = new URL(path, this.endpoint.base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { token } = this.endpoint;
    const answer = await fetch(url, {
      method,
      signal,
      redirect: "manual",
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.ok || answer.status === question.alsoTakes) return answer;
    throw this.#refusal(answer.status, await textOf(answer), question);
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
    const asked = `${method} ${base}${path}`;
    const where = `(http.host, http.port in ${config})`;
    const reason = cause instanceof SyntaxError ? OTHER_SERVER : reasonOf(cause);
    return new ServiceError(`${asked} ${where}: ${reason}\n${ADVICE}`, { cause });
  }
}

/** How long a question may take, from now on; or until the caller's signal. */
class Deadline {
  readonly #late = new AbortController();
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ deadlineMs = DEADLINE_MS, signal }: Question) {
    this.signal = signal === undefined ? this.#late.signal : AbortSignal.any([this.#late.signal, signal]);
    this.renew(deadlineMs);
  }

  /** Begins anew. */
  renew(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#late.abort(new Error(`it said nothing for ${ms / 1000} s`)), ms);
  }

  /** Nothing is waited for any more; what still comes is not wanted. */
  end(): void {
    clearTimeout(this.#timer);
    this.#late.abort();
  }

  /** What passing it is called; undefined as long as it has not passed. */
  get reason(): unknown {
    return this.#late.signal.aborted ? this.#late.signal.reason : undefined;
  }
}

async function textOf(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER) throw new RangeError(`the answer is longer than ${MAX_ANSWER} characters`);
  }
  return text + decoder.decode();
}

/** What fetch says in its own words, such as `error sending request for url (...): client error (Connect): ...`. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error && cause.cause !== undefined ? errorText(cause.cause) : errorText(cause);
  if (text.includes("Connection refused")) return "nothing listens there";
  if (text.includes("client error (SendRequest): invalid")) return OTHER_SERVER;
  return text.replace(/^error sending request.*client error \(\w+\): /, "");
}

/** A problem (RFC 9457); undefined when the text is none. */
function parsed(text: string): z.infer<typeof PROBLEM> | undefined {
  try {
    return PROBLEM.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
