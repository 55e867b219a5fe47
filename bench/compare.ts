/**
 * Runs contenders in turn, round after round, so that what disturbs the machine falls on all alike, and sums up by medians.
 *
 * @module
 */
import { type Load, type Outcome, send } from "./h2load.ts";
import { type Contender, Running } from "./process.ts";

/** One round of one contender. */
export interface Round extends Outcome {
  /** CPU time of the server a call, in microseconds. */
  readonly cpuUs: number;
}

/** All rounds of one contender. */
export interface Result {
  readonly label: string;
  readonly rounds: readonly Round[];
  readonly peakMb: number;
}

/** Compares contenders under the same load. The first is the subject. */
export async function compare(
  contenders: readonly Contender[],
  { load, rounds }: { load: Load; rounds: number },
): Promise<readonly Result[]> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<Contender, Running>();
  for (const contender of contenders) {
    if (contender.isShortLived) continue;
    const server = stack.use(await Running.start(contender));
    await send({ ...load, calls: Math.max(load.connections, Math.ceil(load.calls / 10)) }, server.port);
    running.set(contender, server);
  }
  const measured = contenders.map((): Round[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const server = running.get(contender);
      measured[i]?.push(server === undefined ? await runOnce(contender, load) : await runRound(server, load));
    }
  }
  return await Promise.all(contenders.map(async (contender, i) => ({
    label: contender.label,
    rounds: measured[i] ?? [],
    peakMb: await running.get(contender)?.peakMb() ?? NaN,
  })));
}

async function runRound(server: Running, load: Load): Promise<Round> {
  const before = await server.cpuSeconds();
  const outcome = await send(load, server.port);
  return { ...outcome, cpuUs: (await server.cpuSeconds() - before) / load.calls * 1e6 };
}

async function runOnce(contender: Contender, load: Load): Promise<Round> {
  await using server = await Running.start(contender);
  return { ...await send(load, server.port), cpuUs: NaN };
}

/** The median of numbers, and how far they spread: half the distance of the least and the greatest, as a part of it. */
export function median(numbers: readonly number[]): { value: number; spread: number } {
  const sorted = numbers.toSorted((a, b) => a - b);
  const value = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  return { value, spread: ((sorted.at(-1) ?? NaN) - (sorted[0] ?? NaN)) / 2 / value };
}

/** The median over rounds of the subject's figure divided by the peer's in the same round. */
export function ratio(subject: Result, peer: Result, figure: keyof Round): { value: number; spread: number } {
  return median(subject.rounds.map((round, i) => round[figure] / (peer.rounds[i]?.[figure] ?? NaN)));
}
