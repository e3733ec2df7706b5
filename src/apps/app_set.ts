const encoder = new TextEncoder();

/**
 * The apps that one agent may run. Agents that may run the same share one set, and with it one ready reply, so that a
 * beat is answered without putting any JSON together.
 *
 * A set holds what it adds to a smaller one, and the map of all its apps is made when it is asked for: with a whole map
 * in each set on the way, one agent with 20,000 apps took more memory than there is.
 */
export class AppSet {
  readonly #own: ReadonlyMap<string, string>;
  readonly #base: AppSet | undefined;
  #apps: ReadonlyMap<string, string> | undefined;
  #larger: Map<string, AppSet> | undefined;
  #json: string | undefined;
  #reply: Uint8Array | undefined;

  /**
   * @param own app name to version
   * @param base the set to which these are added
   */
  constructor(own: ReadonlyMap<string, string>, base?: AppSet) {
    this.#own = own;
    this.#base = base;
  }

  /** App name to version. */
  get apps(): ReadonlyMap<string, string> {
    this.#apps ??= this.#base === undefined ? this.#own : this.#merged();
    return this.#apps;
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
    if (this.#versionOf(app) === version) return this;
    this.#larger ??= new Map();
    const key = JSON.stringify([app, version]);
    let larger = this.#larger.get(key);
    if (larger === undefined) {
      larger = new AppSet(new Map([[app, version]]), this);
      this.#larger.set(key, larger);
    }
    return larger;
  }

  #versionOf(app: string): string | undefined {
    let version = this.#own.get(app);
    for (let set = this.#base; version === undefined && set !== undefined; set = set.#base) version = set.#own.get(app);
    return version;
  }

  #merged(): ReadonlyMap<string, string> {
    const steps = [this.#own];
    for (let set = this.#base; set !== undefined; set = set.#base) steps.push(set.#own);
    const apps = new Map<string, string>();
    for (const own of steps.reverse()) for (const [app, version] of own) apps.set(app, version);
    return apps;
  }
}

/** Not by way of an object: a key such as `__proto__` or `1` would be lost or moved in one. */
function jsonObject(pairs: [string, string][]): string {
  return `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}
