import { z } from "zod";
import {
  agentsOfApp,
  type AppOnAgent,
  type AppRollout,
  countUnseen,
  rollout,
  type VersionRollout,
} from "../../apps/rollout.ts";
import type { AgentState } from "../../fleet/agent.ts";
import type { Route } from "../route.ts";
import { json } from "./answers.ts";
import { pageNumber, pageSize, readQuery, STATES, states, type StateWord, text, word } from "./parameters.ts";
import { instant } from "../../clock.ts";
import type { ApiParts } from "./parts.ts";
import { SharedAnswers } from "./shared.ts";

/** How many rows are written between two places where a list may be interrupted. */
const ROWS_PER_STEP = 64;

/** What an agent may be with respect to an app. */
export const STATUSES = ["missing", "matching", "unwanted", "all"] as const;

const OVERVIEW = z.object({ state: states("live") });
const ONE_APP = z.object({
  state: states("live"),
  version: text.optional(),
  status: word(STATUSES).default("all"),
  q: text.optional(),
  page: pageNumber.default(1),
  size: pageSize,
});

type OneApp = z.output<typeof ONE_APP>;

/** The roll-out of apps: what agents shall run against what they say they have. */
export function appRoutes(parts: ApiParts): Route[] {
  const { slices, catalog } = parts;
  const shared = new SharedAnswers(parts.clock);
  return [
    {
      method: "GET",
      path: "/api/v1/apps",
      handle: async (call) => {
        const { state } = readQuery(call, OVERVIEW);
        return json(await shared.get(state, catalog.current, () => slices.run(writeOverview(parts, state))));
      },
    },
    {
      method: "GET",
      path: "/api/v1/apps/{app}",
      handle: async (call) => {
        const question = { app: call.params.app ?? "", ...readQuery(call, ONE_APP) };
        const make = () => slices.run(writeApp(parts, question));
        return json(await shared.get(JSON.stringify(question), catalog.current, make));
      },
    },
  ];
}

function* writeOverview({ fleet, clock, catalog }: ApiParts, state: StateWord): Generator<void, string, void> {
  const { current } = catalog;
  const all = yield* fleet.list({ states: new Set(STATES.all) }, instant(clock));
  const unseen = yield* countUnseen(all, current);
  const wanted: ReadonlySet<AgentState> = new Set(STATES[state]);
  const { agents, apps, unlisted } = yield* rollout(all.filter((agent) => wanted.has(agent.state)), current);
  const head = JSON.stringify({ source: catalog.source, known: current !== undefined, agents, unseen, unlisted });
  const rows: string[] = [];
  for (const app of apps) {
    rows.push(JSON.stringify(appRow(app)));
    yield;
  }
  return `${head.slice(0, -1)},"apps":[${rows.join(",")}]}`;
}

function appRow({ app, versions }: AppRollout): Record<string, unknown> {
  const rows = versions.map(versionRow);
  const sum = (key: "wanted" | "matching" | "missing" | "unwanted") => rows.reduce((total, row) => total + row[key], 0);
  return {
    app,
    ...{ wanted: sum("wanted"), matching: sum("matching"), missing: sum("missing"), unwanted: sum("unwanted") },
    versions: rows,
  };
}

function versionRow({ version, wanted, matching, installed, unwanted }: VersionRollout) {
  return { version, wanted, matching, missing: wanted - matching, installed, unwanted };
}

function* writeApp(parts: ApiParts, question: OneApp & { app: string }): Generator<void, string, void> {
  const { app, state, q, page, size } = question;
  const { current } = parts.catalog;
  const query = { states: new Set<AgentState>(STATES[state]), text: q?.toLowerCase() };
  const agents = yield* parts.fleet.list(query, instant(parts.clock));
  const all = yield* agentsOfApp(app, agents, current);
  const found = all.filter((each) => isAsked(each, question));
  const rows: string[] = [];
  for (const each of found.slice((page - 1) * size, page * size)) {
    rows.push(JSON.stringify(rowOf(each)));
    if (rows.length % ROWS_PER_STEP === 0) yield;
  }
  return `{"total":${found.length},"page":${page},"size":${size},"agents":[${rows.join(",")}]}`;
}

function isAsked({ wanted, installed, isUnwanted }: AppOnAgent, { status, version }: OneApp): boolean {
  const isVersion = (each: string | undefined) => version === undefined || each === version;
  switch (status) {
    case "missing":
      return wanted !== undefined && installed !== wanted && isVersion(wanted);
    case "matching":
      return wanted !== undefined && installed === wanted && isVersion(wanted);
    case "unwanted":
      return isUnwanted && isVersion(installed);
    case "all":
      return isVersion(wanted) || isVersion(installed);
  }
}

function rowOf({ agent: { ip, asset, state, silenced }, wanted, installed }: AppOnAgent): Record<string, unknown> {
  return {
    ...{ ip, asset, state, wanted: wanted ?? null, installed: installed ?? null },
    ...(silenced ? { silenced } : {}),
  };
}
