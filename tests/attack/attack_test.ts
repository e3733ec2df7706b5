import { startRabbit } from "../support/rabbitmq.ts";
import { fuzzBeatPort } from "./beat_port.ts";
import { fuzzBodies } from "./bodies.ts";
import { catalogBombs } from "./catalog_bombs.ts";
import { manyAddresses, oneAddress } from "./connections.ts";
import { forgedAgents } from "./forged_agents.ts";
import { fuzzHttp } from "./http_api.ts";
import { guessedTokens, injectedText, manyStreams } from "./http_tricks.ts";
import { prototypeNames } from "./prototype_names.ts";
import { slowBeats, slowRequests, slowRequestsAlone } from "./slow_peers.ts";
import type { Attack } from "./stage.ts";

/** In the order in which they run. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  "the beat port, fuzzed": fuzzBeatPort,
  "bodies on the bus, fuzzed": fuzzBodies,
  "the HTTP port, fuzzed": fuzzHttp,
  "calls that come a byte a second": slowBeats,
  "requests that do not end": slowRequests,
  "requests that do not end, where no agent beats": slowRequestsAlone,
  "20,000 connections from one address": oneAddress,
  "20,000 connections from many addresses": manyAddresses,
  "forged agents": forgedAgents,
  "catalog bombs": catalogBombs,
  "guessed tokens and forged cookies": guessedTokens,
  "text with line ends, headers and markup": injectedText,
  "1,001 streams": manyStreams,
  "names of prototypes": prototypeNames,
};

/** For work on one of them: ATTACK_ONLY has a part of its name. */
const ONLY = Deno.env.get("ATTACK_ONLY") ?? "";

Deno.test("elves-heartbeat serves others while it is attacked", async (t) => {
  await using rabbit = await startRabbit();
  for (const [name, attack] of Object.entries(ATTACKS)) {
    if (name.includes(ONLY)) await t.step(name, () => attack({ rabbit }));
  }
});
