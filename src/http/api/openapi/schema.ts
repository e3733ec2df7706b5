/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 takes it. */
export type Schema = Readonly<Record<string, unknown>>;

/** The members of an object. */
export type Properties = Readonly<Record<string, Schema>>;

/** An object with these members and no others. */
export function object(
  properties: Properties,
  { optional = [], ...rest }: Schema & { optional?: readonly string[] } = {},
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", ...rest, required, properties, additionalProperties: false };
}

/** A list of these. */
export function list(items: Schema, rest: Schema = {}): Schema {
  return { type: "array", items, ...rest };
}

/** The same, or null. */
export function orNull(schema: Schema): Schema {
  if (typeof schema.type === "string") return { ...schema, type: [schema.type, "null"] };
  return { anyOf: [schema, { type: "null" }] };
}

/** One of the schemas that have a name. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** A text. */
export function text(description: string, rest: Schema = {}): Schema {
  return { type: "string", description, ...rest };
}

/** One of these words. */
export function word(description: string, words: readonly string[], rest: Schema = {}): Schema {
  return { type: "string", enum: words, description, ...rest };
}

/** A number of things, or of whole units. */
export function count(description: string, rest: Schema = {}): Schema {
  return { type: "integer", minimum: 0, description, ...rest };
}

/** A number, 0 or above. */
export function amount(description: string): Schema {
  return { type: "number", minimum: 0, description };
}

/** Yes or no. */
export function truth(description: string): Schema {
  return { type: "boolean", description };
}

/** A moment as text. */
export function time(description: string): Schema {
  return { type: "string", format: "date-time", description: `${description} (RFC 3339, UTC)` };
}

/** A moment as a number. */
export function epochMs(description: string): Schema {
  return { type: "integer", description: `${description} (ms since the epoch)` };
}
