import type { Clock } from "../clock.ts";
import type { EventKind } from "../fleet/events.ts";
import { FaultLog, type Logger } from "../log.ts";
import { quoted } from "../quoted.ts";
import type { Slices } from "../slices.ts";
import { type Catalog, catalogBody, changedAgents, emptiedBy, sameCatalog } from "./catalog.ts";
import { type Candidate, type CatalogUpdates, logRefused, OFFER_FORM, type OfferOutcome, readOffer } from "./offer.ts";

/** A catalog as it outlives the process. */
export interface RememberedCatalog {
  /** In the form of updateAppInfo, JSON text; the very same text as long as the catalog is the same. */
  readonly body: string;
  /** How it came. */
  readonly origin: string;
  /** When it was said, ms since the epoch. */
  readonly atMs: number;
}

/** Who is told of catalogs, so that they outlive the process. */
export interface CatalogListener {
  /** This catalog is in force, or was said again while it is. */
  inForce(catalog: RememberedCatalog): void;
  /** Something that others are told. */
  event(kind: EventKind, details: Record<string, unknown>): void;
}

/** What a keeper needs. */
export interface KeeperOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly slices: Slices;
  readonly listener: CatalogListener;
  /** The share of the agents that now have apps, 0 to 1, above which leaving them with none must be confirmed. */
  readonly emptyShare: number;
  /** Asks supervisor for its catalog, at once. */
  readonly ask: () => Promise<unknown>;
  /**
   * Has other threads answer from a catalog that is about to be in force; undefined where there are none.
   * @throws when that cannot be; then the former one stays in force
   */
  readonly replicate?: (catalog: Catalog) => Promise<void> | undefined;
}

/** A catalog that waits for somebody to decide. */
export interface HeldCatalog {
  readonly catalog: Catalog;
  /** Why it is held. */
  readonly reason: string;
  /** Since when, ms since the epoch. */
  readonly atMs: number;
}

/**
 * Holds the catalog in force and decides what may replace it (DESIGN.md section 4). An agent removes every app that
 * its answer does not name, so a catalog that would leave many agents with none is believed only when supervisor says
 * it twice.
 */
export class SupervisorCatalog implements CatalogUpdates {
  readonly source = "supervisor";
  readonly #options: KeeperOptions;
  readonly #log: Logger;
  /** What casts can repeat at will. */
  readonly #faults: FaultLog;
  readonly #slices: Slices;
  #emptyShare: number;
  #current: Catalog | undefined;
  /** The one in force, as it was told last. */
  #told: RememberedCatalog | undefined;
  #held: HeldCatalog | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** How many offers are under way or wait for their turn. */
  #offers = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#faults = new FaultLog(options.log, () => options.clock.monotonic());
    this.#slices = options.slices;
    this.#emptyShare = options.emptyShare;
  }

  /** The catalog in force; undefined until supervisor has spoken or one was remembered. */
  get current(): Catalog | undefined {
    return this.#current;
  }

  /** The catalog that was held back last, until another one is in force. */
  get held(): HeldCatalog | undefined {
    return this.#held;
  }

  /** When the one in force was said last, ms since the epoch; undefined before there is one. */
  get confirmedAtMs(): number | undefined {
    return this.#told?.atMs;
  }

  /** Applies another share from now on. */
  reconfigure(emptyShare: number): void {
    this.#emptyShare = emptyShare;
  }

  /**
   * Puts a remembered catalog in force; for the start.
   * @param remembered what `inForce` told in the former run
   * @throws {SyntaxError} when it is not what was told
   */
  async recall(remembered: RememberedCatalog): Promise<void> {
    const candidate = await this.#read(JSON.parse(remembered.body), "memory");
    if (candidate === undefined) throw new SyntaxError('it has no list "result"');
    this.#current = candidate.catalog;
    this.#told = remembered;
  }

  /** Tells the catalog in force once more, with the time when it was said; for a memory that has lost it. */
  restate(): void {
    if (this.#told !== undefined) this.#options.listener.inForce(this.#told);
  }

  offer(body: unknown, origin = "updateAppInfo"): Promise<OfferOutcome> {
    this.#offers++;
    return this.#inTurn(() => this.#offer(body, origin)).finally(() => this.#offers--);
  }

  /**
   * Puts the held catalog in force by hand.
   * @param atMs since when it is held, so that it is the one that was looked at
   * @returns undefined when that one is not held any more
   */
  acceptHeld(atMs: number): Promise<OfferOutcome | undefined> {
    return this.#inTurn(async () => {
      if (this.#held?.atMs !== atMs) return undefined;
      return await this.#apply({ catalog: this.#held.catalog, refused: [], origin: "accepted by hand" });
    });
  }

  /** Puts a catalog of the history in force by hand, whatever it empties; until supervisor gives another one. */
  rollback(body: string): Promise<OfferOutcome> {
    return this.#inTurn(async () => {
      const candidate = await this.#read(JSON.parse(body), "rollback");
      return candidate === undefined ? this.#reject(body) : await this.#apply(candidate);
    });
  }

  /** Puts a catalog in force that is in force at another instance, which has asked whoever had to be asked. */
  adopt({ body, origin, atMs }: RememberedCatalog): Promise<OfferOutcome> {
    return this.#inTurn(async () => {
      const candidate = await this.#read(JSON.parse(body), origin);
      return candidate === undefined ? this.#reject(body) : await this.#apply(candidate, atMs);
    });
  }

  #inTurn<T>(job: () => Promise<T>): Promise<T> {
    const outcome = this.#last.then(job);
    this.#last = outcome.catch(() => {});
    return outcome;
  }

  async #offer(body: unknown, origin: string): Promise<OfferOutcome> {
    const candidate = await this.#read(body, origin);
    if (candidate === undefined) return this.#reject(body);
    const emptying = await this.#emptying(candidate.catalog);
    if (emptying === undefined) return await this.#apply(candidate);
    if (this.#offers > 1) return this.#passOver(candidate, emptying);
    this.#faults.warn("emptying", "catalog: {emptying}; asking supervisor once more before it counts", { emptying });
    const again = await this.#askAgain();
    if (again === undefined) return this.#hold(candidate, emptying);
    const confirmed = await this.#slices.run(sameCatalog(candidate.catalog, again.catalog));
    const stillEmptying = confirmed ? undefined : await this.#emptying(again.catalog);
    return stillEmptying === undefined ? await this.#apply(again) : this.#hold(again, stillEmptying);
  }

  #read(body: unknown, origin: string): Promise<Candidate | undefined> {
    return readOffer(body, { origin, previous: this.#current, slices: this.#slices });
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
      return await this.#read(await this.#options.ask(), "supervisor, asked once more");
    } catch (cause) {
      this.#faults.warn("unconfirmed", "catalog: supervisor did not confirm: {cause}", { cause });
      return undefined;
    }
  }

  async #apply({ catalog, refused, origin }: Candidate, atMs?: number): Promise<OfferOutcome> {
    const { listener } = this.#options;
    const summary = { apps: catalog.apps.size, agents: catalog.agents, refused };
    logRefused(refused, this.#faults);
    this.#held = undefined;
    const former = this.#current;
    if (former !== undefined && await this.#slices.run(sameCatalog(former, catalog))) {
      this.#tell(this.#told?.body ?? await this.#slices.run(catalogBody(former)), { origin, atMs });
      return { result: "unchanged", ...summary };
    }
    const body = await this.#slices.run(catalogBody(catalog));
    await this.#options.replicate?.(catalog);
    this.#tell(body, { origin, atMs });
    this.#current = catalog;
    const { apps, agents } = summary;
    const changed = former === undefined ? agents : await this.#slices.run(changedAgents(former, catalog));
    this.#log.info(
      "catalog: in force with {apps} apps for {agents} agents, {changed} of them have something else now",
      {
        apps,
        agents,
        changed,
      },
    );
    if (catalog.unknown.size > 0) {
      this.#log.warn(
        "catalog: {unknown} agents get an exception and keep what they have, because supervisor's entry about them cannot " +
          "be read and it is not known what they may run",
        { unknown: catalog.unknown.size },
      );
    }
    listener.event("catalogChanged", { apps, agents, changed, origin });
    return { result: "applied", ...summary };
  }

  /** @param atMs when it was said; now unless told otherwise */
  #tell(
    body: string,
    { origin, atMs = this.#options.clock.wall() }: { origin: string; atMs: number | undefined },
  ): void {
    this.#told = { body, origin, atMs };
    this.#options.listener.inForce(this.#told);
  }

  /** A newer one waits already and replaces this one whole: asking about this one would only keep that one waiting. */
  #passOver({ catalog, refused }: Candidate, reason: string): OfferOutcome {
    this.#log.info("catalog: passed over for a newer one, because {reason}", { reason });
    return { result: "held", apps: catalog.apps.size, agents: catalog.agents, refused };
  }

  #hold({ catalog, refused, origin }: Candidate, reason: string): OfferOutcome {
    logRefused(refused, this.#faults);
    const message =
      "catalog: held back, because {reason}; the former one stays in force until supervisor says the same twice";
    if (this.#held?.reason === reason) this.#faults.error("held", message, { reason });
    else this.#log.error(message, { reason });
    this.#held = { catalog, reason, atMs: this.#options.clock.wall() };
    const summary = { apps: catalog.apps.size, agents: catalog.agents };
    this.#options.listener.event("catalogHeld", { ...summary, reason, origin });
    return { result: "held", ...summary, refused };
  }

  #reject(body: unknown): OfferOutcome {
    const reason = `${OFFER_FORM} was required, ${quoted(body)} came`;
    this.#faults.warn("rejected", "catalog: refused whole, the former one stays in force: {reason}", { reason });
    return { result: "rejected", reason };
  }
}
