/**
 * Makes a servable of a model's files: read, name, compile, warm up, and choose how to infer by what warming up measured.
 *
 * @module
 */
import type { Dimension, Signature, TensorSpec } from "../base/signature.ts";
import { DTYPE_BYTES, elementCount, type Tensor } from "../base/tensor.ts";
import type { CompiledModel, Engine, Model, Port } from "../engine/engine.ts";
import { ModelServable } from "./model_servable.ts";

/** How to load a model. */
export interface LoadOptions {
  /** What the engine reads first: `model.xml`, `model.onnx` … */
  readonly path: string;
  readonly device: string;
  /** The engine's properties; what is not said here is chosen by measurement. */
  readonly properties: ReadonlyMap<string, string>;
  /** Infer requests at work at once; undefined for the engine's optimal number. */
  readonly inferRequestCount: number | undefined;
  readonly waitersMax: number;
}

/** What loading found out, for the log. */
export interface LoadReport {
  readonly inferRequestCount: number;
  /** The quickest inference of the warm-up in microseconds; undefined where the model would not infer zeros. */
  readonly inferenceUs: number | undefined;
  readonly isInLoop: boolean;
}

/**
 * Inferring in the loop spares a hop to another thread and back, about 30 µs of two threads' time; but the loop serves nobody else
 * meanwhile, and one core does the work. Up to this long the first weighs more.
 */
const IN_LOOP_MAX_US = 200;

/** For models that are quick on one thread: no pool is woken. */
const ONE_THREAD: ReadonlyMap<string, string> = new Map([
  ["PERFORMANCE_HINT", "LATENCY"],
  ["INFERENCE_NUM_THREADS", "1"],
  ["ENABLE_CPU_PINNING", "NO"],
]);

/** For models that keep all cores busy. */
const ALL_CORES: ReadonlyMap<string, string> = new Map([["PERFORMANCE_HINT", "THROUGHPUT"]]);

/** The first inferences are slow, since the engine makes ready in them. */
const WARM_UP_ROUNDS = 3;
/** Only what takes about as long as a thread hop off the loop is tried in it. */
const IN_LOOP_TRIAL_MAX_MS = 1;
const IN_LOOP_ROUNDS = 10;
/** Zeros for a warm-up take at most this much memory. */
const WARM_UP_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Loads a model.
 *
 * @returns a servable the caller owns, and what was found out.
 * @throws {ServingError} what the engine says of the file, the device or the properties.
 */
export async function loadModel(
  engine: Engine,
  options: LoadOptions,
): Promise<{ servable: ModelServable; report: LoadReport }> {
  using model = await engine.read(options.path);
  const signature: Signature = {
    inputs: model.inputs.map(specOf),
    outputs: model.outputs.map(specOf),
  };
  const trial = await compile(model, options, ONE_THREAD);
  const measured = await disposeOnError(trial, () => measure(trial, signature));
  const isInLoop = measured !== undefined && measured.us <= IN_LOOP_MAX_US;
  let compiled = trial;
  if (!isInLoop && isTuned(options)) {
    trial[Symbol.dispose]();
    compiled = await compile(model, options, ALL_CORES);
  }
  return await disposeOnError(compiled, () => {
    const inferRequestCount = options.inferRequestCount ?? compiled.inferRequestsOptimal;
    const servable = new ModelServable({
      compiled,
      signature,
      inferRequestCount,
      waitersMax: options.waitersMax,
      // Inference takes longer with larger inputs: what fits into the limit is what was measured, scaled.
      inLoopBytesMax: isInLoop ? Math.floor(measured.inputBytes * IN_LOOP_MAX_US / measured.us) : 0,
    });
    return { servable, report: { inferRequestCount, inferenceUs: measured?.us, isInLoop } };
  });
}

function compile(model: Model, options: LoadOptions, tuning: ReadonlyMap<string, string>): Promise<CompiledModel> {
  const properties = new Map([...(isTuned(options) ? tuning : []), ...options.properties]);
  return model.compile({ device: options.device, properties });
}

/** Whether threads and hints are ours to choose: on the CPU, as long as the user has not said anything of them. */
function isTuned({ device, properties }: LoadOptions): boolean {
  return device === "CPU" &&
    !["PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS"].some((key) => properties.has(key));
}

function specOf(port: Port): TensorSpec {
  const name = port.names[0] as string;
  return { name, tensorName: name, dtype: port.dtype, shape: port.shape };
}

async function disposeOnError<R>(resource: Disposable, action: () => R | Promise<R>): Promise<R> {
  try {
    return await action();
  } catch (error) {
    resource[Symbol.dispose]();
    throw error;
  }
}

/** Infers zeros and times it. Undefined where shapes do not allow it or the model refuses zeros: it may still serve well. */
async function measure(
  compiled: CompiledModel,
  signature: Signature,
): Promise<{ us: number; inputBytes: number } | undefined> {
  const inputs = signature.inputs.map(zeros);
  if (inputs.includes(undefined)) return undefined;
  const tensors = inputs as Tensor[];
  using request = compiled.createInferRequest();
  try {
    // Off the loop first: nobody knows yet how long it takes, and others may be served meanwhile.
    let quickestMs = Infinity;
    for (let round = 0; round < WARM_UP_ROUNDS && quickestMs > IN_LOOP_TRIAL_MAX_MS; round++) {
      const start = performance.now();
      await request.inferAsync(tensors);
      quickestMs = Math.min(quickestMs, performance.now() - start);
    }
    for (let round = 0; round < IN_LOOP_ROUNDS && quickestMs <= IN_LOOP_TRIAL_MAX_MS; round++) {
      const start = performance.now();
      request.infer(tensors);
      quickestMs = Math.min(quickestMs, performance.now() - start);
    }
    const inputBytes = tensors.reduce((sum, tensor) => sum + (tensor.dtype === "string" ? 0 : tensor.bytes.length), 0);
    return { us: Math.max(1, quickestMs * 1000), inputBytes: Math.max(1, inputBytes) };
  } catch {
    return undefined;
  }
}

/** A tensor of zeros, 1 wherever a dimension is open; undefined where the rank is open or the tensor would be too large. */
function zeros({ shape, dtype }: TensorSpec): Tensor | undefined {
  if (shape === undefined) return undefined;
  const sizes = shape.map(({ min, max }: Dimension) => Math.min(Math.max(min, 1), max));
  const count = elementCount(sizes);
  const elementBytes = dtype === "string" ? 64 : DTYPE_BYTES[dtype];
  if (count * elementBytes > WARM_UP_BYTES_MAX) return undefined;
  if (dtype === "string") return { dtype, shape: sizes, strings: Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape: sizes, bytes: new Uint8Array(count * elementBytes) };
}
