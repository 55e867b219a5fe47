/**
 * Finds out how long a model takes for one inference, on a machine that may be busy with other things.
 *
 * @module
 */
import process from "node:process";
import type { TensorSpec } from "../../base/signature.ts";
import { byteLength, type Tensor } from "../../base/tensor.ts";
import type { CompiledModel, InferRequest, Port } from "../../engine/engine.ts";
import { turnOfTheLoop, zerosOf } from "./warm_up.ts";

/** What was measured. */
export interface Measurement {
  /** The quickest inference in microseconds, at least 1. */
  readonly us: number;
  /** How many bytes its inputs had, at least 1. */
  readonly inputBytes: number;
  /** Whether it was inferred in the event loop: never by an engine that cannot, nor for a model that is slow off it. */
  readonly isInLoop: boolean;
}

/** The clocks a measurement reads, in microseconds from any beginning. */
export interface Clocks {
  readonly wallUs: () => number;
  /** Processor time of this process. */
  readonly processorUs: () => number;
}

/**
 * Inferring in the loop spares a hop to another thread and back, about 80 µs of processor time a request; but the loop serves nobody
 * else meanwhile, and one core does the work. A model that takes this long costs about a third less in the loop, and of two
 * cores about a third more requests are got out of it: there the two weigh the same.
 */
export const IN_LOOP_MAX_US = 150;

const SYSTEM_CLOCKS: Clocks = {
  wallUs: () => performance.now() * 1000,
  processorUs: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
};

/**
 * So long, and at least twice, a model may show off the loop that it is quick: its first inference is slow, since the engine makes
 * ready in it.
 */
const OFF_LOOP_US = 100_000;
const OFF_LOOP_ROUNDS_MIN = 2;
/** Once this slow, a model is not quick: once is enough. */
const HOPELESS_US = 1_000_000;
/**
 * What is tried in the loop in each round up to one: what has been at most so quick. First what holds the loop up no longer than this
 * off it, then what may still turn out quick enough, as the engine, this program's own code and the processor's caches get going.
 */
const IN_LOOP_ROUNDS: readonly { readonly until: number; readonly usMax: number }[] = [
  { until: 3, usMax: 5000 },
  { until: 10, usMax: 1000 },
  { until: 100, usMax: 400 },
];
/** The loop is held up no longer than about this at a time. */
const IN_LOOP_TURN_US = 1000;

/** How often inputs with so many rows are tried, at most. */
const ROWS_ROUNDS = 10;

/**
 * Infers zeros until it is known how long the model takes.
 *
 * @param specs the model's inputs, in order.
 * @returns undefined where shapes do not allow it or the model refuses zeros: it may still serve well.
 */
export async function measureInference(
  compiled: CompiledModel,
  specs: readonly TensorSpec[],
  clocks: Clocks = SYSTEM_CLOCKS,
): Promise<Measurement | undefined> {
  const inputs = zerosOf(specs);
  if (inputs === undefined) return undefined;
  using request = compiled.createInferRequest();
  try {
    const offLoopUs = await quickestOffLoop(request, { inputs, clocks });
    const inLoopUs = await quickestInLoop(request, { inputs, clocks, offLoopUs });
    return {
      us: Math.max(1, Math.round((inLoopUs ?? offLoopUs) * 10) / 10),
      inputBytes: Math.max(1, byteLength(inputs)),
      isInLoop: inLoopUs !== undefined,
    };
  } catch {
    return undefined;
  }
}

/**
 * Finds out how many bytes of input are inferred before the loop has been held up for too long, by doubling rows: many together take
 * less time than so many times one.
 *
 * @param options.ports the model's inputs, in order.
 * @param options.rowsMax rows that an inference may have at most.
 * @returns 0 where one row takes too long, or the model refuses zeros.
 */
export async function measureInLoopBytes(
  request: InferRequest,
  { ports, rowsMax, clocks = SYSTEM_CLOCKS }: { ports: readonly Port[]; rowsMax: number; clocks?: Clocks },
): Promise<number> {
  let inLoopBytes = 0;
  if (request.infer === undefined) return 0;
  for (let rows = 1; rows <= rowsMax; rows *= 2) {
    const inputs = zerosOf(ports, rows);
    // The first inference with a shape is slow, since the engine makes ready in it.
    const outputs = inputs && await inferIfPossible(request, inputs);
    if (inputs === undefined || outputs === undefined) break;
    const infer = () => request.infer?.(inputs);
    const quickest = quickestOfRows(infer, clocks);
    if (quickest > IN_LOOP_MAX_US) break;
    await turnOfTheLoop();
    inLoopBytes = Math.floor(byteLength(inputs) * IN_LOOP_MAX_US / quickest);
  }
  return inLoopBytes;
}

/** Infers in the loop, which is held up for a turn at most; Infinity where that fails. */
function quickestOfRows(infer: () => unknown, clocks: Clocks): number {
  let quickest = Infinity;
  let turnUs = 0;
  try {
    for (let round = 0; round < ROWS_ROUNDS && turnUs < IN_LOOP_TURN_US; round++) {
      const passed = begin(clocks);
      infer();
      const { wallUs, leastUs } = passed();
      quickest = Math.min(quickest, Math.max(1, wallUs));
      turnUs += leastUs;
    }
    return quickest;
  } catch {
    return Infinity;
  }
}

/** Infers, unless the model refuses the inputs. */
export async function inferIfPossible(
  request: InferRequest,
  inputs: readonly Tensor[],
): Promise<readonly Tensor[] | undefined> {
  try {
    return await request.inferAsync(inputs);
  } catch {
    return undefined;
  }
}

/** What an inference is tried with. */
interface Trial {
  readonly inputs: readonly Tensor[];
  readonly clocks: Clocks;
}

/** Off the loop first: nobody knows yet how long it takes, and others may be served meanwhile. */
async function quickestOffLoop(request: InferRequest, { inputs, clocks }: Trial): Promise<number> {
  let quickest = Infinity;
  const endUs = clocks.wallUs() + OFF_LOOP_US;
  for (let round = 0; round < OFF_LOOP_ROUNDS_MIN || clocks.wallUs() < endUs; round++) {
    const passed = begin(clocks);
    await request.inferAsync(inputs);
    quickest = Math.min(quickest, passed().leastUs);
    if (quickest <= (IN_LOOP_ROUNDS[0]?.usMax ?? 0) || quickest >= HOPELESS_US) break;
  }
  return quickest;
}

/**
 * In the loop the time on the wall counts, since that is how long others wait; the quickest of many short times is disturbed by
 * nobody.
 *
 * @returns undefined for what is not worth trying, and for an engine that cannot infer in the loop.
 */
async function quickestInLoop(
  request: InferRequest,
  { inputs, clocks, offLoopUs }: Trial & { offLoopUs: number },
): Promise<number | undefined> {
  if (request.infer === undefined) return undefined;
  let quickest: number | undefined;
  let leastUs = offLoopUs;
  let turnUs = 0;
  let round = 0;
  for (const { until, usMax } of IN_LOOP_ROUNDS) {
    for (; round < until && leastUs <= usMax; round++) {
      const passed = begin(clocks);
      request.infer(inputs);
      const { wallUs, leastUs: roundUs } = passed();
      quickest = Math.min(quickest ?? Infinity, wallUs);
      leastUs = Math.min(leastUs, roundUs);
      turnUs += wallUs;
      if (turnUs < IN_LOOP_TURN_US) continue;
      turnUs = 0;
      await turnOfTheLoop();
    }
  }
  return quickest;
}

/**
 * Begins to time something. It has taken the time that has passed, or the processor time of the process where that is less: on a busy
 * machine what runs is interrupted, and what waits for its turn waits for long. On one that is not, several threads take more
 * processor time than has passed.
 */
function begin({ wallUs, processorUs }: Clocks): () => { wallUs: number; leastUs: number } {
  const startUs = wallUs();
  const startProcessorUs = processorUs();
  return () => {
    const passedUs = wallUs() - startUs;
    return { wallUs: passedUs, leastUs: Math.min(passedUs, processorUs() - startProcessorUs) };
  };
}
