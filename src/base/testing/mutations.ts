/**
 * Damages a good text in many small ways, for tests of parsers.
 *
 * @module
 */
import { randomBelow, testSeed } from "./random.ts";

/** A damaged text, and the seed that makes it again. */
export interface Mutation {
  readonly text: string;
  readonly seed: number;
}

/** Yields `count` texts made of `good` by a few edits each. `OVSERVE_SEED` repeats a run. */
export function* mutations(
  good: string,
  { pieces, count }: { pieces: readonly string[]; count: number },
): Iterable<Mutation> {
  const seed = testSeed();
  const random = randomBelow(seed);
  for (let round = 0; round < count; round++) {
    let text = good;
    for (let edits = 1 + random(4); edits > 0; edits--) {
      const at = random(text.length + 1);
      text = text.slice(0, at) + pieces[random(pieces.length)] + text.slice(at + random(3));
    }
    yield { text, seed };
  }
}
