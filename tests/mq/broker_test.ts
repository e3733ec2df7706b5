import { connect } from "amqplib";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { TlsFiles } from "../support/tls_files.ts";
import { LARGE } from "./broker_large.ts";
import { OUTAGES } from "./broker_outages.ts";
import { SERVING } from "./broker_serving.ts";

/** The broker's max_message_size, which cases of LARGE count on. */
const MAX_MESSAGE = 1_000_000;

Deno.test("Broker serves modules whatever RabbitMQ does", async (t) => {
  await using tls = await TlsFiles.make();
  await using rabbit = await startRabbit({
    config: {
      "max_message_size": String(MAX_MESSAGE),
      "listeners.ssl.local": `127.0.0.1:${tls.port}`,
      "ssl_options.certfile": tls.certificate,
      "ssl_options.keyfile": tls.key,
      "ssl_options.cacertfile": tls.authority,
      "ssl_options.verify": "verify_peer",
      "ssl_options.fail_if_no_peer_cert": "true",
    },
  });
  for (const [name, run] of Object.entries({ ...SERVING, ...LARGE, ...OUTAGES })) {
    await t.step(name, async () => {
      try {
        await run(rabbit, tls);
      } finally {
        await clear(rabbit);
      }
    });
  }
});

/** Each case finds a broker without the modules' topology. */
async function clear(rabbit: RabbitServer): Promise<void> {
  const model = await connect(rabbit.url);
  const channel = await model.createChannel();
  await channel.deleteQueue("heartbeat");
  await channel.deleteExchange("elves");
  await model.close();
}
