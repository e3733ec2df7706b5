import { elapsed } from "../support/wait_for.ts";
import type { SoakService } from "./service.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";

/** What a fault is done to. */
export interface SoakStage {
  readonly rabbit: RabbitServer;
  readonly service: SoakService;
  /** To be called when the service has just been killed. */
  readonly died: () => void;
}

/** Faults by name; each ends when what it broke is whole again. */
export const FAULTS: Readonly<Record<string, (stage: SoakStage) => Promise<void>>> = {
  "the service is restarted": async ({ service }) => {
    await service.stop();
    await service.start();
  },
  "the service is killed": async ({ service, died }) => {
    await service.kill();
    died();
    await service.start();
  },
  "the service stands still": async ({ service }) => {
    service.signal("SIGSTOP");
    await elapsed(5_000);
    service.signal("SIGCONT");
  },
  "RabbitMQ is killed": async ({ rabbit }) => {
    await rabbit.kill();
    await elapsed(3_000);
    await rabbit.start();
  },
  "RabbitMQ stands still": async ({ rabbit }) => {
    rabbit.pause();
    await elapsed(5_000);
    rabbit.resume();
  },
};
