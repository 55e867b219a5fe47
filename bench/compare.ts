/**
 * Runs contenders in turn, round by round, so that disturbances of the machine affect all of them alike.
 *
 * @module
 */
import type { Contender, Running } from "./contender.ts";
import type { Entry, Round } from "./report.ts";

/** Tolerance between two answers, relative to the largest value: CPUs may infer with 8 bits of mantissa. */
const TOLERANCE = 0.05;

/**
 * Runs each contender for about `seconds` a round. Each round begins with another one, since the order may matter.
 *
 * @throws when a contender does not start, or answers differently from the first.
 */
export async function compare(
  contenders: readonly Contender[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<readonly Entry[]> {
  await using stack = new AsyncDisposableStack();
  const lanes: { readonly running: Running; readonly rounds: Round[] }[] = [];
  const entries: Entry[] = [];
  for (const contender of contenders) {
    const { label, isPeer, absent, group } = contender;
    const head = { label, isPeer, ...group === undefined ? {} : { group } };
    if (absent !== undefined) {
      entries.push({ ...head, rounds: [], absent });
      continue;
    }
    const running = stack.use(await contender.start());
    const measured: Round[] = [];
    lanes.push({ running, rounds: measured });
    entries.push({ ...head, rounds: measured, ...running.note === undefined ? {} : { note: running.note } });
    assertAlike(label, running, lanes[0]?.running);
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < lanes.length; turn++) {
      const lane = lanes[(round + turn) % lanes.length];
      lane?.rounds.push(await lane.running.round(seconds));
    }
  }
  return entries;
}

/** Throws when an answer differs from the first one. Answers with another number of rows are not compared. */
function assertAlike(label: string, { answer }: Running, first: Running | undefined): void {
  const expected = first?.answer?.values;
  if (answer === undefined || expected === undefined || expected.length !== answer.values.length) return;
  const greatest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const distance = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - (answer.values[i] ?? NaN))), 0);
  // Negated so that NaN fails.
  if (!(distance <= TOLERANCE * greatest)) {
    throw new Error(`${label} gives a different answer than the first contender`);
  }
}
