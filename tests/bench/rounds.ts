/** How many rounds count unless told otherwise; one before them warms everything up. */
const ROUNDS = 7;

/** How many rounds count where there is a target: one of half a second may be a third off. */
export const MORE_ROUNDS = 15;

/** On which runtime the sources, the baselines and the load run. */
export const RUNTIME = `Deno ${Deno.version.deno}`;

/**
 * Measures all of them in every round, so that whatever else the machine does hits all alike, and in another order
 * each time. Returns each one's results, round by round.
 */
export async function inTurns<Results extends Record<string, unknown>>(
  measures: { readonly [Name in keyof Results]: () => Promise<Results[Name]> },
  rounds = ROUNDS,
): Promise<{ [Name in keyof Results]: Results[Name][] }> {
  const names: (keyof Results)[] = Object.keys(measures);
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as {
    [Name in keyof Results]: Results[Name][];
  };
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
