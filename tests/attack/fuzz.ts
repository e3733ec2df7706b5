import fc from "fast-check";
import { print } from "../e2e/print.ts";

/** More cases than any time limit leaves room for. */
const ENDLESS = 10_000_000;

/** How a fuzzer runs. */
export interface FuzzOptions<T> {
  /** How long it runs, s. A case that is under way then still ends. */
  readonly seconds: number;
  /** Cases that once were faults, tried first. */
  readonly found?: readonly T[];
}

/**
 * Tries random cases until the time is over. A fault is reported with its seed, path and smallest case; the environment
 * variable ATTACK_SEED makes the same cases again, ATTACK_SECONDS gives it another time.
 * @throws what fast-check says of the first case for which `check` throws
 */
export async function fuzz<T>(
  what: string,
  { cases, check }: { cases: fc.Arbitrary<T>; check: (value: T) => void | Promise<void> },
  { seconds, found = [] }: FuzzOptions<T>,
): Promise<void> {
  const limit = Number(Deno.env.get("ATTACK_SECONDS") ?? seconds);
  const seed = Number(Deno.env.get("ATTACK_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]) | 0;
  let tried = 0;
  const property = fc.asyncProperty(cases, async (value) => {
    tried++;
    await check(value);
  });
  await fc.assert(property, {
    seed,
    numRuns: ENDLESS,
    interruptAfterTimeLimit: limit * 1_000,
    examples: found.map((value): [T] => [value]),
  });
  print(`${what}: ${tried} cases in ${limit} s, ATTACK_SEED=${seed}`);
}

/** Names that are something else in a JavaScript object. */
export const PROTOTYPE_NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "valueOf"];

/** Texts as attackers like them: any characters, and those that mean something to some reader. */
export const nastyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    ...PROTOTYPE_NAMES,
    ...["", " ", "\0", "\r\nSet-Cookie: a=b", "<script>alert(1)</script>", "' OR 1=1 --", "../../etc/passwd", "%s%n"],
    ...[
      "\u2028",
      "\ud800",
      "\ufeff",
      "NaN",
      "1e999",
      "-1",
      "%",
      "*",
      "?",
      "{}",
      "[]",
      "null",
      "127.0.0.1",
      "::ffff:1.2.3.4",
    ],
  ),
);
