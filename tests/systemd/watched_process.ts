/** A process with a watchdog whose event loop stops after the second sign of life when its last argument is `blocks`. */
import { systemClock } from "../../src/clock.ts";
import { openLog, writeToStderr } from "../../src/log.ts";
import { NotifySocket } from "../../src/systemd/notify.ts";
import { Watchdog } from "../../src/systemd/watchdog.ts";

const PERIOD_MS = 100;

const [name, ending] = Deno.args;
const log = openLog({ level: "info", format: "text", journal: false, write: writeToStderr });
const socket = new NotifySocket(name, log);
let looks = 0;
new Watchdog(PERIOD_MS, {
  socket,
  log,
  clock: systemClock,
  pulse: {
    judgedUntilMs: () => systemClock.monotonic(),
    acceptsBeats: async () => {
      if (++looks > 2 && ending === "blocks") {
        await socket.send("STATUS=blocks");
        for (;;);
      }
      return true;
    },
  },
}).start();
