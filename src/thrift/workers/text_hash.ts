/**
 * A number from 0 to 2^32 - 1 for a text of ASCII, another one for each seed: who does not know the seed cannot choose
 * texts that fall together.
 */
export function textHash(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ text.length, 0x85ebca6b);
  return (hash ^ hash >>> 13) >>> 0;
}

/** A seed for {@link textHash} that nobody knows. */
export function newSeed(): number {
  return crypto.getRandomValues(new Int32Array(1))[0]!;
}
