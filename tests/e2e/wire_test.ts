/** The wire suites once more, against the compiled executable. */
import { dialectTests, SUITE_MAX_BODY_BYTES } from "../mq/dialect_suite.ts";
import { beat } from "../support/beat_client.ts";
import { startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { wireTests } from "../thrift/wire_suite.ts";

const COMMON = `
thrift.heartbeat.host = 127.0.0.1
auth.mode = simple
auth.localAppInfo = {'testApp':'1.0.1'}
agent.grace = 0
`;

for (const workers of [0, 2]) {
  wireTests({
    name: workers === 0 ? "elves-heartbeat" : `elves-heartbeat with ${workers} workers`,
    async start() {
      const broker = `mq.ip = 127.0.0.1\nmq.port = ${freePort()}\nmq.user = u\nmq.password = p\n`;
      const service = await startBinary({ config: `${broker}${COMMON}thrift.workers = ${workers}\n` });
      return {
        hostname: "127.0.0.1",
        port: service.port,
        [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
      };
    },
  });
}

dialectTests({
  name: "elves-heartbeat",
  async start({ host, port, user, password }) {
    const login = `mq.ip = ${host}\nmq.port = ${port}\nmq.user = ${user}\nmq.password = ${password}\n`;
    const service = await startBinary({ config: `${login}mq.maxBodyBytes = ${SUITE_MAX_BODY_BYTES}\n${COMMON}` });
    await service.logged(/mq: connected/);
    return {
      async beat(info) {
        const { exception } = await beat({ hostname: "127.0.0.1", port: service.port }, info);
        if (exception !== undefined) throw new Error(exception.message);
      },
      [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
    };
  },
});
