/**
 * Random numbers for tests, the same again for the same seed. `OVSERVE_SEED` repeats a run that failed.
 *
 * @module
 */

/** Returns a random whole number from 0 to below a bound of at most 2^32. */
export type RandomBelow = (bound: number) => number;

/** The numbers of one seed (mulberry32). */
export function randomBelow(seed: number): RandomBelow {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * bound);
  };
}

/** A random number from 0 to below 1, with all the bits it can have. */
export function randomFraction(below: RandomBelow): number {
  return (below(2 ** 26) * 2 ** 27 + below(2 ** 27)) / 2 ** 53;
}

/** The seed of this run: that of `OVSERVE_SEED`, or a random one. Prints it, so that the output of a failing run has it. */
export function testSeed(): number {
  const seed = seedOfRun();
  Deno.stderr.writeSync(new TextEncoder().encode(`OVSERVE_SEED=${seed}\n`));
  return seed;
}

/**
 * Runs a trial with one seed after the other for `runMs`, at least once.
 *
 * @throws {Error} with the seed of the trial that fails.
 */
export async function withSeeds(trial: (below: RandomBelow) => void | Promise<void>, runMs = 1000): Promise<void> {
  const first = seedOfRun();
  const untilMs = performance.now() + runMs;
  for (let seed = first; seed === first || performance.now() < untilMs; seed++) {
    try {
      await trial(randomBelow(seed));
    } catch (error) {
      throw new Error(`OVSERVE_SEED=${seed} fails`, { cause: error });
    }
  }
}

function seedOfRun(): number {
  return Number(Deno.env.get("OVSERVE_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
}
