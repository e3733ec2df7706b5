/** How many rounds count unless told otherwise; one before them warms everything up. */
const ROUNDS = 7;

/** On which runtime the sources, the baselines and the load run. */
export const RUNTIME = `Deno ${Deno.version.deno}`;

/**
 * Measures all of them in every round, so that whatever else the machine does hits all alike, and in another order
 * each time. Returns each one's results, round by round.
 */
export async function inTurns<Name extends string, T>(
  measures: Readonly<Record<Name, () => Promise<T>>>,
  rounds = ROUNDS,
): Promise<Record<Name, T[]>> {
  const names = Object.keys(measures) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const [i] of names.entries()) {
      const name = names[(i + round) % names.length];
      if (name === undefined) continue;
      const result = await measures[name]();
      if (round > 0) results[name].push(result);
    }
  }
  return results;
}
