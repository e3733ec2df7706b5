const encoder = new TextEncoder();

/**
 * The apps that one agent may run. Agents that may run the same share one set, and with it one ready reply, so that a
 * beat is answered without putting any JSON together.
 */
export class AppSet {
  /** App name to version. */
  readonly apps: ReadonlyMap<string, string>;
  readonly #larger = new Map<string, AppSet>();
  #json: string | undefined;
  #reply: Uint8Array | undefined;

  constructor(apps: ReadonlyMap<string, string>) {
    this.apps = apps;
  }

  /** The text of a JSON object, app name to version, in the order of names; equal sets have equal texts. */
  get json(): string {
    this.#json ??= jsonObject([...this.apps].sort(([a], [b]) => a < b ? -1 : 1));
    return this.#json;
  }

  /** What the agent gets: `{"data":{...}}` in UTF-8 (PROTOCOL.md section 1). */
  get reply(): Uint8Array {
    this.#reply ??= encoder.encode(`{"data":${this.json}}`);
    return this.#reply;
  }

  /** The set with one app more, or with another version of it. Asked again for the same, it is the same object. */
  with(app: string, version: string): AppSet {
    if (this.apps.get(app) === version) return this;
    const key = JSON.stringify([app, version]);
    let larger = this.#larger.get(key);
    if (larger === undefined) {
      larger = new AppSet(new Map(this.apps).set(app, version));
      this.#larger.set(key, larger);
    }
    return larger;
  }
}

/** Not by way of an object: a key such as `__proto__` or `1` would be lost or moved in one. */
function jsonObject(pairs: [string, string][]): string {
  return `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}
