import type { RabbitServer } from "../support/rabbitmq.ts";

/** What all attacks share. */
export interface Stage {
  readonly rabbit: RabbitServer;
}

/** An attack; throws when it did harm. */
export type Attack = (stage: Stage) => Promise<void>;

/** Settings of a service that modules reach, and whose agents may run `app1` in version 1.0.1. */
export function mqSettings({ host, port, user, password }: RabbitServer): string {
  return [
    ...[`mq.ip = ${host}`, `mq.port = ${port}`, `mq.user = ${user}`, `mq.password = ${password}`],
    ...["auth.mode = simple", "auth.localAppInfo = {'app1':'1.0.1'}", "thrift.heartbeat.host = 127.0.0.1"],
  ].join("\n").concat("\n");
}
