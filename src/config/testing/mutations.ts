/**
 * For tests: spoils a good text in many small ways.
 *
 * @module
 */

/** A text that was good, and what it takes to make it again. */
export interface Mutation {
  readonly text: string;
  readonly seed: number;
}

/** Yields `count` texts made of `good` by a few edits each. `OVSERVE_SEED` repeats a run. */
export function* mutations(
  good: string,
  { pieces, count }: { pieces: readonly string[]; count: number },
): Iterable<Mutation> {
  const seed = Number(Deno.env.get("OVSERVE_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  // The seed of a failing run must be in its output.
  Deno.stderr.writeSync(new TextEncoder().encode(`OVSERVE_SEED=${seed}\n`));
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  for (let round = 0; round < count; round++) {
    let text = good;
    for (let edits = 1 + random(4); edits > 0; edits--) {
      const at = random(text.length + 1);
      text = text.slice(0, at) + pieces[random(pieces.length)] + text.slice(at + random(3));
    }
    yield { text, seed };
  }
}
