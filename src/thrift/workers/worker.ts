/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { Cidrs } from "../../fleet/address.ts";
import type { BeatSocket } from "../door.ts";
import type { Knocker } from "../knock.ts";
import { BeatServer, type BeatServerOptions } from "../server.ts";
import { BeatCounters } from "../stats.ts";
import { FaultRelay, plainError } from "./fault_relay.ts";
import { Outbox } from "./outbox.ts";
import { PackedCatalog } from "./packed_catalog.ts";
import type { FromWorker, NumberedCatalog, ToWorker, WorkerServerOptions, WorkerStart } from "./protocol.ts";
import { ReplicaService } from "./replica_service.ts";
import { SharedFleet } from "./shared_fleet.ts";
import { SharedLimits } from "./shared_limits.ts";

function tell(message: FromWorker): void {
  self.postMessage(message);
}

/** Asks the main thread, which knocks, about connections. */
class RemoteKnocker implements Knocker {
  readonly #asking = new Map<number, (isKnock: boolean) => void>();
  #asked = 0;

  isFrom({ remoteAddr: { hostname, port } }: BeatSocket): Promise<boolean> {
    const id = ++this.#asked;
    tell({ kind: "knock", id, hostname, port });
    return new Promise((resolve) => this.#asking.set(id, resolve));
  }

  answered(id: number, isKnock: boolean): void {
    this.#asking.get(id)?.(isKnock);
    this.#asking.delete(id);
  }
}

/** One of the threads that take beats: a beat server, and the way from it to the fleet. */
class BeatWorker {
  readonly #server: BeatServer;
  readonly #outbox: Outbox;
  readonly #service: ReplicaService;
  readonly #knocker = new RemoteKnocker();
  readonly #faults = new FaultRelay({
    fault: (fault, message, properties) => tell({ kind: "fault", fault, message, properties }),
    repeated: (fault, times) => tell({ kind: "repeated", fault, times }),
  });

  constructor({ worker, server, limits, fleet: memory, counters, catalog }: WorkerStart) {
    const fleet = new SharedFleet(memory);
    this.#outbox = new Outbox(worker, fleet, (batch) => tell({ kind: "beats", batch }));
    this.#service = new ReplicaService(
      fleet,
      this.#outbox,
      () =>
        this.#faults.warn("beat_overload", "beat port: beats come faster than they are taken, some got an exception"),
    );
    this.replaceCatalog(catalog);
    this.#server = new BeatServer(this.#service, this.#faults, {
      ...serverOptions(server),
      onStarved: () => tell({ kind: "starved" }),
      shared: {
        limits: new SharedLimits(limits, worker),
        counters: new BeatCounters(counters),
        knocker: () => fleet.isKnocking ? this.#knocker : undefined,
      },
    });
  }

  listen(): void {
    this.#server.listen();
  }

  replaceCatalog({ memory }: NumberedCatalog): void {
    this.#service.catalog = memory === undefined ? undefined : new PackedCatalog(memory);
  }

  async take(message: Exclude<ToWorker, { kind: "start" }>): Promise<void> {
    switch (message.kind) {
      case "catalog":
        this.replaceCatalog(message.catalog);
        return tell({ kind: "hasCatalog", number: message.catalog.number });
      case "verdicts":
        return this.#outbox.answered(message.outcomes);
      case "knock":
        return this.#knocker.answered(message.id, message.isKnock);
      case "renew":
        await this.#server.renew(message.certificate).then(
          () => tell({ kind: "renewed", cause: undefined }),
          (cause) => tell({ kind: "renewed", cause: plainError(cause) }),
        );
        return;
      case "stop":
        await this.#server.stop(message.drainTimeoutMs);
        await this.#outbox.emptied();
        this.#faults.flush();
        return tell({ kind: "stopped" });
    }
  }
}

function serverOptions({ allow, proxies, ...options }: WorkerServerOptions): BeatServerOptions {
  return {
    ...options,
    ...(allow === undefined ? {} : { allow: new Cidrs(allow) }),
    ...(proxies === undefined ? {} : { proxies: new Cidrs(proxies) }),
  };
}

let worker: BeatWorker | undefined;

function start(begin: WorkerStart): void {
  try {
    worker = new BeatWorker(begin);
    worker.listen();
    tell({ kind: "listening" });
  } catch (cause) {
    tell({ kind: "cannotListen", cause: plainError(cause) });
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "start") start(data.start);
  else void worker?.take(data);
};
