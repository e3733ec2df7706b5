import type { App } from "../app.ts";
import type { Clock } from "../clock.ts";
import type { StatusFacts } from "./status_line.ts";

/** Looks at the app for the status line; the rate of beats is that since the look before. */
export function statusFacts(app: App, clock: Clock): () => StatusFacts {
  let before = { atMs: clock.monotonic(), beats: app.beats.stats.beats };
  return () => {
    const now = { monotonic: clock.monotonic(), wall: clock.wall() };
    const beats = app.beats.stats.beats;
    const seconds = (now.monotonic - before.atMs) / 1000;
    const rate = seconds > 0 ? (beats - before.beats) / seconds : 0;
    before = { atMs: now.monotonic, beats };
    return {
      agents: app.fleet.counts(now),
      beats: { per_second: rate },
      warming: app.fleet.isWarming(now),
      guard: { on: app.fleet.status(now).guardSinceMs !== undefined },
      catalog: {
        known: app.catalog.current !== undefined,
        held: ("held" in app.catalog ? app.catalog.held : undefined) ?? null,
      },
      mq: { state: app.broker.state.name },
      zookeeper: { state: app.registrar?.status.state ?? "disabled" },
      store: { state: app.store.state.status },
    };
  };
}
