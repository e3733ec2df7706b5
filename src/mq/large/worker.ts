/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { LargeConnection } from "./connection.ts";
import { LargeOutbox } from "./outbox.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";

function tell(message: FromWorker): void {
  self.postMessage(message);
}

const connection = new LargeConnection();
const outbox = new LargeOutbox({
  connection,
  now: () => performance.now(),
  done: (body, fate) => tell({ kind: "fate", body, fate }),
});

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.kind) {
    case "text":
      return outbox.append(data.body, data.text, data.share);
    case "discard":
      return outbox.discard(data.body);
    case "send":
      return outbox.send(data.answer);
    case "disconnect":
      outbox.clear();
      return connection.breakOff();
    case "close":
      outbox.clear();
      return void connection.close().then(() => tell({ kind: "closed" }));
  }
};
