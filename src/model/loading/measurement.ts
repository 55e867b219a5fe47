/**
 * Measures how long a model takes for one inference, on a machine that may be busy with other work.
 *
 * @module
 */
import process from "node:process";
import type { TensorSpec } from "../../base/signature.ts";
import { byteLength, type Tensor } from "../../base/tensor.ts";
import type { CompiledModel, InferRequest, Port } from "../../engine/engine.ts";
import { turnOfTheLoop, zerosOf } from "./warm_up.ts";

/** The result of a measurement. */
export interface Measurement {
  /** The fastest inference in microseconds, at least 1. */
  readonly us: number;
  /** How many bytes its inputs had, at least 1. */
  readonly inputBytes: number;
  /** Whether it was inferred in the event loop: never by an engine that cannot, nor for a model that is slow off it. */
  readonly isInLoop: boolean;
}

/** The clocks of a measurement, in microseconds since any moment. */
export interface Clocks {
  readonly wallUs: () => number;
  /** The CPU time of this process. */
  readonly processorUs: () => number;
}

/**
 * Inferring in the loop saves a hop to another thread and back, about 80 µs of CPU time a request; but the loop serves no other request
 * meanwhile, and one core does the work. A model that takes this long costs about a third less in the loop, while two cores off the loop
 * serve about a third more requests: there the two balance.
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
 * How long, and how often at least, a model is tried off the loop: its first inference is slow, since the engine initializes in it.
 */
const OFF_LOOP_US = 100_000;
const OFF_LOOP_ROUNDS_MIN = 2;
/** A model that is this slow once is not tried again. */
const HOPELESS_US = 1_000_000;
/**
 * In-loop trial schedule: continue through round `until` while the best time is at most `usMax`. First a model that blocks the loop no
 * longer than this, then one that may still become fast enough as the engine, this program's code and the CPU caches warm up.
 */
const IN_LOOP_ROUNDS: readonly { readonly until: number; readonly usMax: number }[] = [
  { until: 3, usMax: 5000 },
  { until: 10, usMax: 1000 },
  { until: 100, usMax: 400 },
];
/** The loop is blocked no longer than about this at a time. */
const IN_LOOP_TURN_US = 1000;

/** How often inputs with one number of rows are tried, at most. */
const ROWS_ROUNDS = 10;

/**
 * Measures inferences of zeros.
 *
 * @param specs the model's inputs, in order.
 * @returns undefined if shapes do not allow zeros or the model rejects them: it may still serve well.
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
 * Measures how many bytes of input can be inferred before the loop is blocked for too long, by doubling rows: several rows together take
 * less time than the same rows one by one.
 *
 * @param options.ports the model's inputs, in order.
 * @param options.rowsMax the most rows of an inference.
 * @returns 0 if one row takes too long, the model rejects zeros, or the engine cannot infer in the loop.
 */
export async function measureInLoopBytes(
  request: InferRequest,
  { ports, rowsMax, clocks = SYSTEM_CLOCKS }: { ports: readonly Port[]; rowsMax: number; clocks?: Clocks },
): Promise<number> {
  let inLoopBytes = 0;
  if (request.infer === undefined) return 0;
  for (let rows = 1; rows <= rowsMax; rows *= 2) {
    const inputs = zerosOf(ports, rows);
    // The first inference with a shape is slow, since the engine initializes in it.
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

/** Returns the fastest inference in the loop, which is blocked for one turn at most; Infinity if it fails. */
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

/** Infers; returns undefined if the model rejects the inputs. */
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

/** The inputs and clocks of a trial. */
interface Trial {
  readonly inputs: readonly Tensor[];
  readonly clocks: Clocks;
}

/** Off the loop first: the time is unknown yet, and other requests may be served meanwhile. */
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
 * In the loop wall time counts, since that is how long other requests wait; the fastest of many short times is undisturbed.
 *
 * @returns undefined for a model that is too slow off the loop, and for an engine that cannot infer in the loop.
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
 * Starts to time an inference, which takes the wall time or the CPU time of the process, whichever is less. On a busy machine a thread
 * is interrupted and waits for its turn, which adds wall time. On an idle machine several threads use more CPU time than wall time.
 */
function begin({ wallUs, processorUs }: Clocks): () => { wallUs: number; leastUs: number } {
  const startUs = wallUs();
  const startProcessorUs = processorUs();
  return () => {
    const passedUs = wallUs() - startUs;
    return { wallUs: passedUs, leastUs: Math.min(passedUs, processorUs() - startProcessorUs) };
  };
}
