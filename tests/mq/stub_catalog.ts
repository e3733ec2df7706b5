import type { CatalogUpdates, OfferOutcome } from "../../src/apps/offer.ts";

/** A catalog fed by supervisor that does with an offer what the test says. */
export function catalogOf(offer: (body: unknown) => Promise<OfferOutcome>): CatalogUpdates {
  return { source: "supervisor", offer };
}
