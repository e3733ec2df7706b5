import { type Catalog, catalogForAll } from "./catalog.ts";
import type { CatalogUpdates, OfferOutcome } from "./offer.ts";

/** The catalog of the configuration: the same apps for every agent, and no other source. */
export class LocalCatalog implements CatalogUpdates {
  readonly source = "local";
  #current: Catalog;

  /** @param apps app name to version */
  constructor(apps: Readonly<Record<string, string>>) {
    this.#current = catalogForAll(apps);
  }

  /** The catalog in force. */
  get current(): Catalog {
    return this.#current;
  }

  /** Gives every agent other apps from now on. */
  reconfigure(apps: Readonly<Record<string, string>>): void {
    this.#current = catalogForAll(apps);
  }

  /** Takes nothing from other instances: what agents may run is in the configuration of each. */
  adopt(): Promise<OfferOutcome> {
    return this.offer();
  }

  offer(): Promise<OfferOutcome> {
    return Promise.resolve({ result: "rejected", reason: "the apps come from auth.localAppInfo (auth.mode = simple)" });
  }
}
