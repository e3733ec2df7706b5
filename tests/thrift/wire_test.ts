import { catalogForAll } from "../../src/apps/catalog.ts";
import { named, TestPort, WORKERS } from "./test_port.ts";
import { wireTests } from "./wire_suite.ts";

for (const workers of WORKERS) {
  wireTests({
    name: named(workers),
    async start() {
      // All tests come from one address, and count on the default for proxies.
      const test = await TestPort.start(workers, { catalog: catalogForAll({ testApp: "1.0.1" }) });
      return {
        ...test.address,
        async lastBeat() {
          await test.taken(test.stats.beats);
          return test.beats.at(-1)?.beat;
        },
        [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
      };
    },
  });
}
