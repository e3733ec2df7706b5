import { z } from "zod";
import { eventRow } from "../../events/row.ts";
import { EVENT_KINDS, type FleetEvent } from "../../fleet/events.ts";
import type { Route } from "../route.ts";
import { fromStore, json } from "./answers.ts";
import { address, MAX_SIZE, read, readQuery, text } from "./parameters.ts";
import { integer } from "../../config/values.ts";
import type { ApiParts } from "./parts.ts";

/** How many rows are written between two places where a list may be interrupted. */
const ROWS_PER_STEP = 64;

const LIST = z.object({
  ip: address.optional(),
  kind: read(`one or more of ${EVENT_KINDS.join(", ")}, separated by commas`, (value) => {
    const kinds = value.split(",").map((each) => EVENT_KINDS.find((kind) => kind === each.trim()));
    return kinds.every((kind) => kind !== undefined) ? kinds : undefined;
  }).optional(),
  before: text.optional(),
  limit: integer(1, MAX_SIZE).default(100),
});

/** What happened, from the store. */
export function eventRoutes({ store, slices }: ApiParts): Route[] {
  return [{
    method: "GET",
    path: "/api/v1/events",
    handle: async (call) => {
      const { ip, kind, before, limit } = readQuery(call, LIST);
      // One more than is shown tells whether there is another page.
      const events = await fromStore(store.events({
        ...(ip === undefined ? {} : { ip }),
        ...(kind === undefined ? {} : { kinds: kind }),
        ...(before === undefined ? {} : { beforeId: before }),
        limit: limit + 1,
      }));
      return json(await slices.run(writeEvents(events, limit)));
    },
  }];
}

function* writeEvents(events: readonly FleetEvent[], limit: number): Generator<void, string, void> {
  const shown = events.slice(0, limit);
  const rows: string[] = [];
  for (const event of shown) {
    rows.push(JSON.stringify({ kind: event.kind, ...eventRow(event) }));
    if (rows.length % ROWS_PER_STEP === 0) yield;
  }
  const next = events.length > limit ? shown.at(-1)?.id : undefined;
  return `{"events":[${rows.join(",")}],"next":${JSON.stringify(next ?? null)}}`;
}
