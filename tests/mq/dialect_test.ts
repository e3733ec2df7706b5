import { dialectTests, SUITE_MAX_BODY_BYTES } from "./dialect_suite.ts";
import { Harness } from "./harness.ts";

dialectTests({
  name: "in process",
  start: async (rabbit) => {
    const harness = await (await Harness.start(rabbit, { settings: { maxBodyBytes: SUITE_MAX_BODY_BYTES } })).up();
    return {
      beat: (beat) => {
        const { asset, ...rest } = beat;
        harness.beat({ asset, ...rest });
        return Promise.resolve();
      },
      [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose](),
    };
  },
});
