import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import assert from "node:assert/strict";
import type { TestApp } from "../../support/app.ts";

/** An answer, its body parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- tests read into it as they know it to be
  readonly body: any;
}

/** What a test asks. */
export interface Question {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface OperationObject {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
}

/**
 * A client that believes the OpenAPI document: every answer that it gets, good or bad, must be as the document says.
 */
export class DocumentedApi {
  readonly document: Document;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  private constructor(url: string, document: Document, headers: Readonly<Record<string, string>>) {
    this.#url = url;
    this.#headers = headers;
    this.document = document;
    formats.default(this.#ajv);
    this.#ajv.addSchema(document, "document");
  }

  /**
   * Reads the document of a running service.
   * @param headers what is sent with every question, such as a token
   */
  static async of(
    { url }: Pick<TestApp, "url">,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<DocumentedApi> {
    const response = await fetch(`${url}/api/v1/openapi.json`, { headers });
    assert.equal(response.status, 200);
    return new DocumentedApi(url, await response.json(), headers);
  }

  /** Asks, and checks the answer against the document. */
  async ask(path: string, { method = "GET", body, headers = {} }: Question = {}): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...this.#headers, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const type = response.headers.get("content-type")?.split(";", 1)[0] ?? "";
    const content = type.endsWith("json") ? await response.json() : await response.text();
    const template = this.#template(new URL(this.#url + path).pathname, method);
    this.#check({ template, method, status: response.status, type }, content);
    return { status: response.status, headers: response.headers, body: content };
  }

  /** The body of a good answer. */
  // deno-lint-ignore no-explicit-any -- tests read into it as they know it to be
  async get(path: string): Promise<any> {
    const { status, body } = await this.ask(path);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  /** Asks what must be refused, and returns the problem. */
  async refused(path: string, status: number, question: Question = {}): Promise<{ detail: string; field?: string }> {
    const answer = await this.ask(path, question);
    assert.equal(answer.status, status, `${path}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.equal(answer.body.status, status);
    return answer.body;
  }

  /** Checks a value against a schema of the document. */
  conforms(schema: string, value: unknown): void {
    this.#validate(`#/components/schemas/${schema}`, value);
  }

  #check(
    { template, method, status, type }: { template: string; method: string; status: number; type: string },
    content: unknown,
  ): void {
    const what = `${method} ${template}`;
    const responses = this.document.paths[template]?.[method.toLowerCase()]?.responses ?? {};
    // What any route may answer in a fault is documented as `default`; a test shall not meet that unawares.
    const documented = responses[status];
    assert.ok(documented, `${what} answers ${status}, which is not documented: ${JSON.stringify(content)}`);
    if (documented.content === undefined) return assert.equal(content, "", `${what} ${status} has no content`);
    assert.deepEqual(Object.keys(documented.content), [type], `the type of ${what} ${status}`);
    const place = ["paths", template, method.toLowerCase(), "responses", String(status), "content", type, "schema"];
    this.#validate(`#/${place.map((each) => each.replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`, content);
  }

  #validate(pointer: string, value: unknown): void {
    const validator = this.#validators.get(pointer) ?? this.#ajv.compile({ $ref: `document${pointer}` });
    this.#validators.set(pointer, validator);
    const faults = () => JSON.stringify(validator.errors?.slice(0, 5), null, 1);
    assert.ok(validator(value), `${pointer}: ${faults()} in ${JSON.stringify(value).slice(0, 2_000)}`);
  }

  #template(pathname: string, method: string): string {
    const parts = pathname.split("/");
    const fits = (template: string) => {
      const segments = template.split("/");
      return segments.length === parts.length &&
        segments.every((segment, i) => segment === parts[i] || (segment.startsWith("{") && parts[i] !== ""));
    };
    const templates = Object.keys(this.document.paths).filter((template) =>
      fits(template) && this.document.paths[template]?.[method.toLowerCase()] !== undefined
    );
    const [best] = templates.sort((a, b) => a.split("{").length - b.split("{").length);
    assert.ok(best, `${method} ${pathname} is not documented`);
    return best;
  }
}
