import { z } from "zod";
import { type NewSilence, type Silence, SilenceError } from "../../fleet/silence.ts";
import { quoted } from "../../quoted.ts";
import { Problem } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { nothing } from "./answers.ts";
import { NOTHING, read, readBody, readQuery, span, text } from "./parameters.ts";
import type { ApiParts } from "./parts.ts";

/** A time with its zone (RFC 3339); without one it would mean something else on every machine. */
const ZONED_TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/;

const WISH = z.object({
  cidr: text.optional(),
  asset: text.optional(),
  for: span("1s").optional(),
  until: read("a time with its zone such as 2026-01-02T03:04:05Z", (value) => {
    const ms = ZONED_TIME.test(value) ? Date.parse(value) : NaN;
    return Number.isNaN(ms) ? undefined : ms;
  }).optional(),
  reason: text.optional(),
});

/** The fields of the body from which the parts of a wish come. */
const FIELDS: Readonly<Record<keyof NewSilence, string>> = {
  cidr: "cidr",
  asset: "asset",
  untilMs: "until",
  reason: "reason",
};

/** Maintenance windows. */
export function silenceRoutes({ fleet, operations, clock }: ApiParts): Route[] {
  return [
    {
      method: "GET",
      path: "/api/v1/silences",
      handle: (call) => {
        readQuery(call, NOTHING);
        return Response.json({ silences: fleet.silences.list.map(silenceRow) });
      },
    },
    {
      method: "POST",
      path: "/api/v1/silences",
      handle: (call) => {
        readQuery(call, NOTHING);
        const wish = readWish(call, clock.wall());
        try {
          return Response.json(silenceRow(operations.addSilence(wish, call.who)), { status: 201 });
        } catch (cause) {
          if (cause instanceof SilenceError) throw problemOf(cause);
          throw cause;
        }
      },
    },
    {
      method: "DELETE",
      path: "/api/v1/silences/{id}",
      handle: (call) => {
        readQuery(call, NOTHING);
        const { id = "" } = call.params;
        if (!operations.removeSilence(id, call.who)) {
          throw new Problem(404, `there is no silence ${quoted(id)}; it may have ended`);
        }
        return nothing();
      },
    },
  ];
}

/** A silence as readers see it. */
export function silenceRow(silence: Silence): Record<string, unknown> {
  const { id, cidr, asset, reason, by, createdAtMs, untilMs, agents } = silence;
  return {
    ...{ id, cidr: cidr?.text ?? null, asset: asset ?? null, reason, by },
    created_at: new Date(createdAtMs).toISOString(),
    until: new Date(untilMs).toISOString(),
    until_ms: Math.floor(untilMs),
    agents,
  };
}

function readWish(call: Call, nowMs: number): NewSilence {
  const { cidr, asset, for: forMs, until, reason } = readBody(call, WISH);
  if (cidr === undefined && asset === undefined) {
    throw new Problem(400, "cidr, asset or both are required, neither came", { field: "cidr" });
  }
  if ((forMs === undefined) === (until === undefined)) {
    const came = forMs === undefined ? "neither" : "both";
    throw new Problem(400, `either for, as in "2h", or until, a time, is required; ${came} came`, { field: "until" });
  }
  return { cidr, asset, reason, untilMs: until ?? nowMs + (forMs ?? 0) };
}

/** Without a field it is no part of the wish that is wrong: there are too many. */
function problemOf({ message, field }: SilenceError): Problem {
  return field === undefined ? new Problem(409, message) : new Problem(400, message, { field: FIELDS[field] });
}
