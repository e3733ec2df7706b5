import type { Catalog } from "../apps/catalog.ts";
import type { Clock } from "../clock.ts";
import type { FaultLog } from "../log.ts";
import type { Slices } from "../slices.ts";
import { catalogDigest } from "./catalog_digest.ts";
import type { Members } from "./members.ts";
import type { SharedCatalog } from "./records.ts";

/** How long instances may have different catalogs before that is told, ms. */
const MISMATCH_MS = 5_000;
/** How long a catalog from elsewhere waits, ms: every instance gets supervisor's casts itself, at about the same time. */
const PATIENCE_MS = 1_000;
/** How often the same catalog is passed on, ms. */
const AGAIN_MS = 3_000;

/** Whose catalog is shared. */
export interface ShareableCatalog {
  /** With `local` the catalog is the configuration's: it is compared, but neither passed on nor replaced. */
  readonly source: "local" | "supervisor";
  readonly current: Catalog | undefined;
  /** Puts a catalog in force that another instance has in force. */
  adopt(catalog: SharedCatalog): Promise<unknown>;
}

/** What the sharing of catalogs needs. */
export interface CatalogShareOptions {
  /** Id of this process. */
  readonly run: string;
  readonly catalog: ShareableCatalog;
  readonly members: Members;
  readonly slices: Slices;
  readonly clock: Clock;
  readonly faults: FaultLog;
  readonly publish: (catalog: SharedCatalog) => void;
}

/** A catalog and who passed it on. */
interface Coming {
  readonly catalog: SharedCatalog;
  readonly run: string;
  readonly sinceMs: number;
}

/**
 * Keeps the catalogs of the instances the same. Who sees by the markers that somebody has another one than it, and that
 * its own was said last, passes its own on. Where clocks differ, what was said last is as exact as they are.
 */
export class CatalogShare {
  readonly #options: CatalogShareOptions;
  #inForce: SharedCatalog | undefined;
  #digest: string | undefined;
  #digestOf: Catalog | undefined;
  #isDigesting = false;
  #coming: Coming | undefined;
  #published = { digest: "", atMs: -Infinity };
  #mismatchSinceMs: number | undefined;

  constructor(options: CatalogShareOptions) {
    this.#options = options;
  }

  /** Digest of the catalog in force and when it was said; undefined while there is none, or it is not known yet. */
  get own(): { digest: string; atMs: number } | undefined {
    return this.#digest === undefined ? undefined : { digest: this.#digest, atMs: this.#inForce?.atMs ?? 0 };
  }

  /** Whether another instance has had another catalog for more than 5 s. */
  get isMismatched(): boolean {
    const sinceMs = this.#mismatchSinceMs;
    return sinceMs !== undefined && this.#options.clock.monotonic() - sinceMs > MISMATCH_MS;
  }

  /** Takes note of what was said to be in force here. */
  inForce(catalog: SharedCatalog): void {
    this.#inForce = catalog;
  }

  /** Takes in a catalog that is in force elsewhere. */
  came(catalog: SharedCatalog, run: string): void {
    if (this.#options.catalog.source === "local" || !this.#isNewer(catalog.atMs, run)) return;
    if (this.#coming !== undefined && this.#coming.catalog.atMs > catalog.atMs) return;
    this.#coming = { catalog, run, sinceMs: this.#options.clock.monotonic() };
  }

  /** Compares with the others; to be called a few times a second. */
  advance(): void {
    void this.#keepDigest();
    this.#adopt();
    this.#compare();
  }

  /** The digest follows the catalog by a moment: it is a long job. */
  async #keepDigest(): Promise<void> {
    const { catalog: { current }, slices } = this.#options;
    if (current === this.#digestOf || this.#isDigesting) return;
    this.#isDigesting = true;
    this.#digest = current === undefined ? undefined : await slices.run(catalogDigest(current));
    this.#digestOf = current;
    this.#isDigesting = false;
  }

  #adopt(): void {
    const { catalog, clock, faults } = this.#options;
    const coming = this.#coming;
    if (coming === undefined) return;
    const isUrgent = catalog.current === undefined;
    if (!isUrgent && clock.monotonic() - coming.sinceMs < PATIENCE_MS) return;
    this.#coming = undefined;
    if (!this.#isNewer(coming.catalog.atMs, coming.run)) return;
    catalog.adopt(coming.catalog).catch((cause) =>
      faults.error("cluster.catalog", "cluster: a catalog from another instance could not be taken: {cause}", { cause })
    );
  }

  #compare(): void {
    const { members, catalog, clock, faults } = this.#options;
    const { own } = this;
    const differing = own === undefined || catalog.current !== this.#digestOf
      ? []
      : members.present.filter(({ marker }) =>
        marker.caughtUp &&
        (marker.catalog === undefined ? catalog.source !== "local" : marker.catalog.digest !== own.digest)
      );
    const others = differing.filter(({ marker }) => marker.catalog !== undefined);
    if (others.length === 0) this.#mismatchSinceMs = undefined;
    else this.#mismatchSinceMs ??= clock.monotonic();
    if (this.isMismatched) {
      faults.warn(
        "cluster.mismatch",
        "cluster: {instances} and this instance have different catalogs: agents get now " +
          "these apps, now those",
        { instances: others.map(({ instance }) => instance).join(", ") },
      );
    }
    if (differing.length > 0 && differing.every(({ marker, run }) => !this.#isOlder(marker.catalog?.atMs, run))) {
      this.#publish();
    }
  }

  #publish(): void {
    const { catalog, clock, publish } = this.#options;
    if (catalog.source === "local" || this.#inForce === undefined || this.#digest === undefined) return;
    const isAgain = this.#published.digest === this.#digest && clock.monotonic() - this.#published.atMs < AGAIN_MS;
    if (isAgain) return;
    this.#published = { digest: this.#digest, atMs: clock.monotonic() };
    publish(this.#inForce);
  }

  /** Whether what somebody else has was said after what is in force here. */
  #isNewer(atMs: number, run: string): boolean {
    return this.#inForce === undefined || this.#isOlder(atMs, run);
  }

  #isOlder(atMs: number | undefined, run: string): boolean {
    if (atMs === undefined || this.#inForce === undefined) return false;
    return this.#inForce.atMs < atMs || (this.#inForce.atMs === atMs && this.#options.run < run);
  }
}
