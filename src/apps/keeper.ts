import type { Logger } from "../log.ts";
import type { Slices } from "../slices.ts";
import { buildCatalog, type Catalog, catalogForAll, emptiedBy, sameCatalog } from "./catalog.ts";
import { isObject, readEntries, type RefusedEntry } from "./entries.ts";

/** How many refused entries the log names; the rest is counted. */
const NAMED_REFUSALS = 10;

/** What became of an offered catalog. */
export type OfferOutcome =
  | {
    /** `applied`: it is in force; `unchanged`: it says what already was in force; `held`: it would empty too many agents. */
    readonly result: "applied" | "unchanged" | "held";
    readonly apps: number;
    readonly agents: number;
    readonly refused: readonly RefusedEntry[];
  }
  | { readonly result: "rejected"; readonly reason: string };

/** Where new catalogs are taken in. */
export interface CatalogUpdates {
  /** The source in force; with `local` nothing is taken in. */
  readonly source: "local" | "supervisor";
  /** Offers a catalog in the form of updateAppInfo. Offers are handled in the order in which they came. */
  offer(body: unknown): Promise<OfferOutcome>;
}

/** What a keeper needs. */
export interface KeeperOptions {
  readonly log: Logger;
  readonly slices: Slices;
  /** The share of the agents that now have apps, 0 to 1, above which leaving them with none must be confirmed. */
  readonly emptyShare: number;
  /** Asks supervisor for its catalog, at once. */
  readonly ask: () => Promise<unknown>;
}

interface Candidate {
  readonly catalog: Catalog;
  readonly refused: readonly RefusedEntry[];
}

/**
 * Holds the catalog in force and decides what may replace it (DESIGN.md section 4). An agent removes every app that
 * its answer does not name, so a catalog that would leave many agents with none is believed only when supervisor says
 * it twice.
 */
export class SupervisorCatalog implements CatalogUpdates {
  readonly source = "supervisor";
  readonly #log: Logger;
  readonly #slices: Slices;
  readonly #ask: () => Promise<unknown>;
  #emptyShare: number;
  #current: Catalog | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#log = options.log;
    this.#slices = options.slices;
    this.#ask = options.ask;
    this.#emptyShare = options.emptyShare;
  }

  /** The catalog in force; undefined until supervisor has spoken. */
  get current(): Catalog | undefined {
    return this.#current;
  }

  offer(body: unknown): Promise<OfferOutcome> {
    const outcome = this.#last.then(() => this.#offer(body));
    this.#last = outcome.catch(() => {});
    return outcome;
  }

  async #offer(body: unknown): Promise<OfferOutcome> {
    const candidate = await this.#read(body);
    if (candidate === undefined) return this.#reject(body);
    const emptying = await this.#emptying(candidate.catalog);
    if (emptying === undefined) return this.#apply(candidate);
    this.#log.warn("catalog: {emptying}; asking supervisor once more before it counts", { emptying });
    const again = await this.#askAgain();
    if (again === undefined) return this.#hold(candidate, emptying);
    const confirmed = await this.#slices.run(sameCatalog(candidate.catalog, again.catalog));
    const stillEmptying = confirmed ? undefined : await this.#emptying(again.catalog);
    return stillEmptying === undefined ? this.#apply(again) : this.#hold(again, stillEmptying);
  }

  async #read(body: unknown): Promise<Candidate | undefined> {
    const list = isObject(body) ? body.result : undefined;
    if (!Array.isArray(list)) return undefined;
    const { entries, refused, refusedApps } = await this.#slices.run(readEntries(list));
    const catalog = await this.#slices.run(buildCatalog(entries, { kept: refusedApps, previous: this.#current }));
    return { catalog, refused };
  }

  /** Why a catalog must be confirmed first, or undefined when it may simply be applied. */
  async #emptying(next: Catalog): Promise<string | undefined> {
    if (this.#current === undefined) {
      return next.apps.size === 0 ? "the first catalog gives no agent any app" : undefined;
    }
    const { having, emptied } = await this.#slices.run(emptiedBy(next, this.#current));
    if (emptied <= having * this.#emptyShare) return undefined;
    return `it would leave ${emptied} of ${having} agents that have apps with none`;
  }

  async #askAgain(): Promise<Candidate | undefined> {
    try {
      return await this.#read(await this.#ask());
    } catch (cause) {
      this.#log.warn("catalog: supervisor did not confirm: {cause}", { cause });
      return undefined;
    }
  }

  async #apply({ catalog, refused }: Candidate): Promise<OfferOutcome> {
    const summary = { apps: catalog.apps.size, agents: catalog.agents, refused };
    this.#logRefused(refused);
    if (this.#current !== undefined && await this.#slices.run(sameCatalog(this.#current, catalog))) {
      return { result: "unchanged", ...summary };
    }
    this.#current = catalog;
    this.#log.info("catalog: in force with {apps} apps for {agents} agents", {
      apps: summary.apps,
      agents: summary.agents,
    });
    return { result: "applied", ...summary };
  }

  #hold({ catalog, refused }: Candidate, emptying: string): OfferOutcome {
    this.#logRefused(refused);
    this.#log.error(
      "catalog: held back, because {emptying}; the former one stays in force until supervisor says the same twice",
      {
        emptying,
      },
    );
    return { result: "held", apps: catalog.apps.size, agents: catalog.agents, refused };
  }

  #reject(body: unknown): OfferOutcome {
    const came = JSON.stringify(body)?.slice(0, 80);
    const reason = `an object with a list "result" was required, ${came} came`;
    this.#log.warn("catalog: refused whole, the former one stays in force: {reason}", { reason });
    return { result: "rejected", reason };
  }

  #logRefused(refused: readonly RefusedEntry[]): void {
    if (refused.length === 0) return;
    for (const { entry, app, reason } of refused.slice(0, NAMED_REFUSALS)) {
      this.#log.warn("catalog: entry {entry} (app {app}): {reason}", { entry, app: app ?? "unnamed", reason });
    }
    if (refused.length > NAMED_REFUSALS) {
      this.#log.warn("catalog: {more} more entries have faults", { more: refused.length - NAMED_REFUSALS });
    }
  }
}

/** The catalog of the configuration: the same apps for every agent, and no other source. */
export class LocalCatalog implements CatalogUpdates {
  readonly source = "local";
  readonly current: Catalog;

  /** @param apps app name to version */
  constructor(apps: Readonly<Record<string, string>>) {
    this.current = catalogForAll(apps);
  }

  offer(): Promise<OfferOutcome> {
    return Promise.resolve({ result: "rejected", reason: "the apps come from auth.localAppInfo (auth.mode = simple)" });
  }
}
