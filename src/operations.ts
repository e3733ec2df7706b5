import type { SupervisorCatalog } from "./apps/keeper.ts";
import type { LocalCatalog } from "./apps/local_catalog.ts";
import type { OfferOutcome } from "./apps/offer.ts";
import { type Clock, instant } from "./clock.ts";
import type { Difference } from "./config/reload.ts";
import type { Agent, Instant } from "./fleet/agent.ts";
import type { Fleet } from "./fleet/fleet.ts";
import type { EndedSilence, NewSilence, Silence, StoredSilence } from "./fleet/silences.ts";
import type { Logger } from "./log.ts";
import type { CatalogRow } from "./store/store.ts";

/** What people do to the service by hand. */
export type AuditAction =
  | "forget"
  | "prune"
  | "guardRelease"
  | "catalogAccept"
  | "catalogRollback"
  | "silenceAdd"
  | "silenceRemove"
  | "reload"
  | "backup";

/** Something that was done by hand. */
export interface Audit {
  readonly action: AuditAction;
  /** The name of the token that was shown, or `local`. */
  readonly who: string;
  /** What it was done to. */
  readonly what: string;
  readonly result: string;
}

/** The agent that something was done to. */
export interface AuditSubject {
  readonly ip: string;
  readonly asset: string;
}

/** What operations need. */
export interface OperationsOptions {
  readonly fleet: Fleet;
  readonly catalog: LocalCatalog | SupervisorCatalog;
  readonly store: {
    catalogs(): Promise<readonly CatalogRow[]>;
    backup(file: string): Promise<void>;
  };
  /** Keeps what was done among the events. */
  readonly recorder: { audit(audit: Audit, subject?: AuditSubject): void };
  /** Passes on to the other instances what was done; undefined where there are none. */
  readonly cluster?: OperationsPeers | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The other instances, which are to do the same. */
export interface OperationsPeers {
  /** @param rows the agents, each with the time of its last beat, ms since the epoch */
  forgot(rows: readonly { readonly ip: string; readonly stampMs: number }[]): void;
  releasedGuard(): void;
  silenced(silence: StoredSilence): void;
  unsilenced(id: string): void;
}

/** Everything that people do to the service by hand, each with an audit line in the log and an audit row among the events. */
export class Operations {
  readonly #options: OperationsOptions;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  /** Forgets one agent. @returns whether there was one at this canonical address */
  forget(ip: string, who: string): boolean {
    const { fleet } = this.#options;
    const agent = fleet.get(ip, this.#now());
    if (agent === undefined || !fleet.forget(ip, this.#now())) return false;
    const { asset } = agent;
    this.#options.cluster?.forgot([forgottenRow(agent)]);
    this.#audit({ action: "forget", who, what: ip, result: "forgotten" }, { ip, asset });
    return true;
  }

  /** Forgets every agent that has been offline for at least this long. @returns how many */
  prune(offlineForMs: number, who: string): number {
    const { fleet, cluster } = this.#options;
    const now = this.#now();
    const rows = cluster === undefined ? [] : fleet.offlineFor(offlineForMs, now).map(forgottenRow);
    const count = fleet.prune(offlineForMs, now);
    cluster?.forgot(rows);
    const what = `agents that have been offline for ${seconds(offlineForMs)} s`;
    this.#audit({ action: "prune", who, what, result: `${count} forgotten` });
    return count;
  }

  /** Ends the guard. @returns whether it was on */
  releaseGuard(who: string): boolean {
    const { fleet } = this.#options;
    const { held } = fleet.status(this.#now());
    if (!fleet.releaseGuard(this.#now())) return false;
    this.#options.cluster?.releasedGuard();
    this.#audit({ action: "guardRelease", who, what: "the guard", result: `${held} held agents may go offline` });
    return true;
  }

  /**
   * Puts the held catalog in force.
   * @param atMs since when it is held, so that it is the one that was looked at
   * @returns undefined when that one is not held any more, or the catalog is the configuration's
   */
  async acceptCatalog(atMs: number, who: string): Promise<OfferOutcome | undefined> {
    const { catalog } = this.#options;
    if (catalog.source === "local") return undefined;
    const outcome = await catalog.acceptHeld(atMs);
    if (outcome === undefined) return undefined;
    const what = `the catalog held since ${new Date(atMs).toISOString()}`;
    this.#audit({ action: "catalogAccept", who, what, result: outcome.result });
    return outcome;
  }

  /**
   * Puts a catalog of the history in force, whatever it empties; until supervisor gives another one.
   * @throws {StoreFault} when the history cannot be read at the moment
   */
  async rollback(catalogId: number, who: string): Promise<OfferOutcome | "unknown" | "local"> {
    const { catalog, store } = this.#options;
    if (catalog.source === "local") return "local";
    const row = (await store.catalogs()).find(({ id }) => id === catalogId);
    if (row === undefined) return "unknown";
    const outcome = await catalog.rollback(row.body);
    if (outcome.result === "rejected") return outcome;
    const what = `catalog ${catalogId} of ${new Date(row.takenAtMs).toISOString()}`;
    this.#audit({ action: "catalogRollback", who, what, result: outcome.result });
    return outcome;
  }

  /**
   * Begins a maintenance window.
   * @throws {SilenceError} when it cannot be
   */
  addSilence(wish: NewSilence, who: string): Silence {
    const silence = this.#options.fleet.addSilence(wish, { by: who, now: this.#now() });
    this.#options.cluster?.silenced(silence.stored);
    const result = `agents in it: ${silence.agents}, until ${new Date(silence.untilMs).toISOString()}`;
    this.#audit({ action: "silenceAdd", who, what: silence.text, result });
    return silence;
  }

  /** Ends a maintenance window. @returns whether there was one with this id */
  removeSilence(id: string, who: string): boolean {
    const ended = this.#options.fleet.removeSilence(id, this.#now());
    if (ended === undefined) return false;
    this.#options.cluster?.unsilenced(id);
    this.#audit({ action: "silenceRemove", who, what: ended.silence.text, result: endText(ended) });
    return true;
  }

  /** Takes note that the configuration was read again. */
  reloaded(changes: readonly Difference[], who: string): void {
    if (changes.length === 0) return;
    // The names only: a value may be a secret.
    const keys = (live: boolean) => changes.filter((change) => change.live === live).map(({ key }) => key);
    const waiting = keys(false);
    const result = [
      `${keys(true).length} applied`,
      ...(waiting.length === 0 ? [] : [`after a restart: ${waiting.join(", ")}`]),
    ];
    const what = changes.map(({ key }) => key).join(", ");
    this.#audit({ action: "reload", who, what, result: result.join("; ") });
  }

  /**
   * Copies the live store into a new file.
   * @throws {StoreFault} when the file exists or cannot be written, or when the database cannot be read
   */
  async backup(file: string, who: string): Promise<void> {
    await this.#options.store.backup(file);
    this.#audit({ action: "backup", who, what: "the database", result: "copied" });
  }

  #now(): Instant {
    return instant(this.#options.clock);
  }

  #audit(audit: Audit, subject?: AuditSubject): void {
    const { log, recorder } = this.#options;
    log.info("audit: {who} {action}: {what}: {result}", { ...audit });
    recorder.audit(audit, subject);
  }
}

function forgottenRow({ ip, lastSeenMs }: Agent): { ip: string; stampMs: number } {
  return { ip, stampMs: Math.floor(lastSeenMs) };
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}

function endText({ agents, offline }: EndedSilence): string {
  return `agents in it: ${agents}, of them offline: ${offline}`;
}
