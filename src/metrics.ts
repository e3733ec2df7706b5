import { Histogram, Registry } from "prom-client";

/** The figures of one running service, in a registry of its own. */
export class Metrics {
  readonly registry = new Registry();
  /** How long after it was due an agent was called offline, seconds. */
  readonly expiryError = new Histogram({
    name: "elves_heartbeat_expiry_error_seconds",
    help: "How long after it was due an agent was called offline.",
    buckets: [0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 10],
    registers: [this.registry],
  });
}
