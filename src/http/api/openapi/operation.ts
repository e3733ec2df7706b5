import type { Route } from "../../route.ts";
import { ref, type Schema } from "./schema.ts";

/** One parameter of a question. */
export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path" | "header";
  readonly description: string;
  readonly schema: Schema;
  readonly required?: boolean;
}

/** What a route is asked and what it answers. */
export interface Operation {
  readonly method: Route["method"];
  readonly path: string;
  /** What clients made from the document call it. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  /** The name of its body's schema. */
  readonly body?: string;
  /** Status to what is answered when all is well. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Status to when that happens, besides what any route may answer. */
  readonly problems?: Readonly<Record<number, string>>;
  /** Whether it needs no token. */
  readonly open?: boolean;
}

/** One good answer. */
export interface Answer {
  readonly description: string;
  /** Media type to schema; without it there is no content. */
  readonly content?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer of JSON. */
export function answer(schema: string, description: string): Answer {
  return { description, content: { "application/json": ref(schema) } };
}

/** The answer of a deed that has nothing to say. */
export const DONE: Answer = { description: "Done." };

/** A parameter behind the question mark. */
export function query(name: string, description: string, schema: Schema): Parameter {
  return { name, in: "query", description, schema };
}

/** A part of the path. */
export function inPath(name: string, description: string, schema: Schema = { type: "string" }): Parameter {
  return { name, in: "path", description, schema, required: true };
}

/** What any route that needs a token may answer. */
const COMMON_PROBLEMS: Readonly<Record<number, string>> = {
  400: "A parameter or field is unknown, repeated or not what it must be.",
  401: "A token is required.",
  403: "A page of another site asks.",
  421: "The Host is not one of http.allowedHosts.",
};

/** An operation in the words of OpenAPI. */
export function operationObject(operation: Operation): Record<string, unknown> {
  const { id, tag, summary, description, parameters = [], body, answers, problems = {}, open = false } = operation;
  return {
    ...{ operationId: id, tags: [tag], summary },
    ...(description === undefined ? {} : { description }),
    ...(open ? { security: [] } : {}),
    parameters,
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: ref(body) } } } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, each]) => [status, answerObject(each)])),
      ...problemObjects(open ? problems : { ...COMMON_PROBLEMS, ...bodyProblems(body), ...problems }),
      default: { $ref: "#/components/responses/Problem" },
    },
  };
}

function bodyProblems(body: string | undefined): Readonly<Record<number, string>> {
  if (body === undefined) return {};
  return { 413: "The body is larger than 64 KiB.", 415: "The body is not application/json." };
}

function answerObject({ description, content, headers }: Answer): Record<string, unknown> {
  const types = Object.entries(content ?? {}).map(([type, schema]) => [type, { schema }]);
  const fields = Object.entries(headers ?? {}).map(([name, about]) => [
    name,
    { description: about, schema: { type: "string" } },
  ]);
  return {
    description,
    ...(types.length === 0 ? {} : { content: Object.fromEntries(types) }),
    ...(fields.length === 0 ? {} : { headers: Object.fromEntries(fields) }),
  };
}

function problemObjects(problems: Readonly<Record<number, string>>): Record<string, unknown> {
  const content = { "application/problem+json": { schema: ref("Problem") } };
  return Object.fromEntries(
    Object.entries(problems).map(([status, description]) => [status, { description, content }]),
  );
}
