import type { Agent } from "../fleet/agent.ts";
import type { AppSet } from "./app_set.ts";
import type { Catalog } from "./catalog.ts";

/**
 * How far one version of an app is. An agent whose app map cannot be read has nothing installed.
 */
export interface VersionRollout {
  readonly version: string;
  /** Agents that shall run it. */
  wanted: number;
  /** Of those, the ones that say they have it. */
  matching: number;
  /** All that say they have it. */
  installed: number;
  /** Of those, the ones that shall not run it. */
  unwanted: number;
}

/** How far an app is. An agent with another version than it shall run lacks the one and has the other unwanted. */
export interface AppRollout {
  readonly app: string;
  /** In the order of {@link compareVersions}. */
  readonly versions: readonly VersionRollout[];
}

/** All apps of the catalog, and all that some agent has. */
export interface Rollout {
  /** How many agents were counted. */
  readonly agents: number;
  /** By name. */
  readonly apps: readonly AppRollout[];
  /** Installations that were left out, because there were too many different ones that no agent shall run. */
  readonly unlisted: number;
}

/** What one agent shall run and has, of one app. */
export interface AppOnAgent {
  readonly agent: Agent;
  readonly wanted: string | undefined;
  readonly installed: string | undefined;
  /** Whether it has a version that it shall not run. */
  readonly isUnwanted: boolean;
}

/** How many agents are looked at between two places where the work may be interrupted. */
const AGENTS_PER_STEP = 64;
/** How many apps of one agent are counted between two such places. */
const APPS_PER_STEP = 256;
/**
 * How many pairs of app and version are counted that no agent shall run. Agents, or who pretends to be some, may name
 * any number of them.
 */
export const MAX_UNWANTED_PAIRS = 2_000;
/** The longest app map that is looked up; V8 takes the length of a text of 16,384 characters or more for its hash. */
const MAX_SHARED_LENGTH = 8_192;

/** Made when it is first needed: the first one of Intl's takes 13 ms, which a start need not wait for. */
let versionOrder: Intl.Collator | undefined;

/** Versions in the order of the numbers in them: 1.9 before 1.10. */
export function compareVersions(a: string, b: string): number {
  versionOrder ??= new Intl.Collator("en", { numeric: true });
  const order = versionOrder.compare(a, b);
  return order !== 0 ? order : a < b ? -1 : a === b ? 0 : 1;
}

/** What an agent may run; undefined when that is not known, because there is no catalog or it could not be read. */
export function wantedOf({ key }: Agent, catalog: Catalog | undefined): AppSet | undefined {
  return catalog === undefined || catalog.unknown.has(key) ? undefined : catalog.for(key);
}

/**
 * Compares what agents shall run with what they say they have. Addresses that the catalog names and that are not among
 * the agents are not counted as wanted; see countUnseen. A long job: it yields where it may be interrupted.
 * @param catalog undefined when it is not known: then nothing is wanted
 */
export function* rollout(
  agents: readonly Agent[],
  catalog: Catalog | undefined,
): Generator<void, Rollout, void> {
  const counts = new Counts(catalog?.apps ?? []);
  const kinds = yield* alike(agents, catalog);
  // First what is wanted, whatever its number; only what is not has a limit.
  for (const kind of kinds) yield* counts.want(kind);
  for (const kind of kinds) yield* counts.install(kind);
  return { agents: agents.length, apps: yield* counts.list(), unlisted: counts.unlisted };
}

/** What many agents have in common. */
interface Kind {
  readonly wanted: AppSet | undefined;
  readonly appsJson: string;
  /** How many they are. */
  readonly count: number;
}

/** Most agents shall run the same and have the same: these are compared once. */
function* alike(
  agents: readonly Agent[],
  catalog: Catalog | undefined,
): Generator<void, Kind[], void> {
  const bySet = new Map<AppSet | undefined, Map<string, number>>();
  const kinds: Kind[] = [];
  for (const [i, agent] of agents.entries()) {
    const wanted = wantedOf(agent, catalog);
    const { appsJson } = agent;
    if (appsJson.length > MAX_SHARED_LENGTH) kinds.push({ wanted, appsJson, count: 1 });
    else {
      const known = bySet.get(wanted) ?? new Map<string, number>();
      bySet.set(wanted, known);
      known.set(appsJson, (known.get(appsJson) ?? 0) + 1);
    }
    if (i % AGENTS_PER_STEP === AGENTS_PER_STEP - 1) yield;
  }
  for (const [wanted, texts] of bySet) {
    for (const [appsJson, count] of texts) {
      kinds.push({ wanted, appsJson, count });
      if (kinds.length % AGENTS_PER_STEP === 0) yield;
    }
  }
  return kinds;
}

/** The figures while they are counted: app name to version to figures. */
class Counts {
  unlisted = 0;
  readonly #apps = new Map<string, Map<string, VersionRollout>>();
  #unwantedPairs = 0;

  /** @param apps names that are listed whether any agent that is counted shall run them or not */
  constructor(apps: Iterable<string>) {
    for (const app of apps) this.#apps.set(app, new Map());
  }

  *want({ wanted, count }: Kind): Generator<void, void, void> {
    let handled = 0;
    for (const [app, version] of wanted?.apps ?? []) {
      this.#figures(app, version).wanted += count;
      if (++handled % APPS_PER_STEP === 0) yield;
    }
    yield;
  }

  *install({ wanted, appsJson, count }: Kind): Generator<void, void, void> {
    let handled = 0;
    for (const [app, version] of installedApps(appsJson)) {
      const figures = this.#apps.get(app)?.get(version) ?? this.#unwanted(app, version);
      if (figures === undefined) this.unlisted += count;
      else {
        figures.installed += count;
        if (wanted?.apps.get(app) === version) figures.matching += count;
        else if (wanted !== undefined) figures.unwanted += count;
      }
      if (++handled % APPS_PER_STEP === 0) yield;
    }
    yield;
  }

  *list(): Generator<void, AppRollout[], void> {
    const apps: AppRollout[] = [];
    for (const [app, versions] of [...this.#apps].sort(([a], [b]) => a < b ? -1 : 1)) {
      apps.push({ app, versions: [...versions.values()].sort((a, b) => compareVersions(a.version, b.version)) });
      yield;
    }
    return apps;
  }

  #unwanted(app: string, version: string): VersionRollout | undefined {
    if (this.#unwantedPairs >= MAX_UNWANTED_PAIRS) return undefined;
    this.#unwantedPairs++;
    return this.#figures(app, version);
  }

  #figures(app: string, version: string): VersionRollout {
    let versions = this.#apps.get(app);
    if (versions === undefined) this.#apps.set(app, versions = new Map());
    let figures = versions.get(version);
    if (figures === undefined) {
      figures = { version, wanted: 0, matching: 0, installed: 0, unwanted: 0 };
      versions.set(version, figures);
    }
    return figures;
  }
}

/** A map and not the object, in which names such as `constructor` would seem to be there. */
function installedApps(appsJson: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(JSON.parse(appsJson)));
}

/** The agents that shall run an app or have it, in the order of the list. A long job. */
export function* agentsOfApp(
  app: string,
  agents: readonly Agent[],
  catalog: Catalog | undefined,
): Generator<void, AppOnAgent[], void> {
  const found: AppOnAgent[] = [];
  const name = JSON.stringify(app);
  for (const [i, agent] of agents.entries()) {
    const set = wantedOf(agent, catalog);
    const wanted = set?.apps.get(app);
    // Most are told apart without parsing: the name does not even occur in the text.
    const installed = agent.appsJson.includes(name) ? installedApps(agent.appsJson).get(app) : undefined;
    const isUnwanted = set !== undefined && installed !== undefined && installed !== wanted;
    if (wanted !== undefined || installed !== undefined) found.push({ agent, wanted, installed, isUnwanted });
    if (i % AGENTS_PER_STEP === AGENTS_PER_STEP - 1 || agent.appsJson.length > MAX_SHARED_LENGTH) yield;
  }
  return found;
}

/** How many addresses the catalog names that no agent has. A long job. */
export function* countUnseen(
  agents: readonly Agent[],
  catalog: Catalog | undefined,
): Generator<void, number, void> {
  if (catalog === undefined) return 0;
  let seen = 0;
  for (const [i, { key }] of agents.entries()) {
    if (catalog.names(key)) seen++;
    if (i % AGENTS_PER_STEP === AGENTS_PER_STEP - 1) yield;
  }
  return catalog.agents - seen;
}
