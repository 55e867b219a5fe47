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
  const running: Running[] = [];
  for (const contender of contenders) {
    const server = stack.use(await Running.start(contender));
    await send({ ...load, calls: Math.max(load.connections, Math.ceil(load.calls / 10)) }, server.port);
    running.push(server);
  }
  const measured = running.map((): Round[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of running.entries()) {
      const before = await server.cpuSeconds();
      const outcome = await send(load, server.port);
      const cpuUs = (await server.cpuSeconds() - before) / load.calls * 1e6;
      measured[i]?.push({ ...outcome, cpuUs });
    }
  }
  return await Promise.all(running.map(async (server, i) => ({
    label: server.label,
    rounds: measured[i] ?? [],
    peakMb: await server.peakMb(),
  })));
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
