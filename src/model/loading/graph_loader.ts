/**
 * Makes a served graph of a model that was read: compiled as it serves best, probed for batches, copied for other threads.
 *
 * @module
 */
import type { CompiledModel, Model } from "../../engine/engine.ts";
import type { BatchingOptions } from "../batching/batch_predictor.ts";
import { type BatchingProbe, probeBatching } from "../batching/batching_probe.ts";
import type { ServedGraphOptions } from "../served_graph.ts";
import {
  type Compilation,
  type CompilationOptions,
  compileMeasured,
  disposeOnError,
  LARGE_MODEL_BYTES,
  type Spreading,
} from "./compilation.ts";
import { measureInLoopBytes } from "./measurement.ts";

/** How a graph is loaded. */
export interface GraphLoadOptions extends CompilationOptions {
  /** On how many threads besides this one the model is to be inferred. */
  readonly otherThreads: number;
  readonly waitersMax: number;
  /** How requests share inferences, where the graph allows it; undefined if each has its own. */
  readonly batching: BatchingOptions | undefined;
}

/** What loading a graph found out, for the log. */
export interface GraphReport extends Spreading {
  /** The quickest inference of zeros in microseconds; undefined where it was not measured. */
  readonly inferenceUs: number | undefined;
  /** Whether inputs of some size are inferred in the event loop, and of how many bytes at most; 0 for none. */
  readonly isInLoop: boolean;
  readonly inLoopBytesMax: number;
  /** Whether requests share inferences, and how many rows one takes at most; undefined where each has its own. */
  readonly isBatched: boolean;
  readonly batchRowsMax: number | undefined;
  /** The type the runtime computes floats with: `f32`, `bf16`; undefined where the device does not say it. */
  readonly precision: string | undefined;
}

/** A graph ready to be served. */
export interface LoadedGraph {
  /** What it owns is the caller's. */
  readonly graph: ServedGraphOptions;
  readonly report: GraphReport;
  readonly notes: readonly string[];
}

/**
 * Loads a graph.
 *
 * @param model borrowed.
 * @throws {ServingError} what the engine says of the shapes, the device or the properties.
 */
export async function loadGraph(model: Model, options: GraphLoadOptions): Promise<LoadedGraph> {
  const inputs = model.inputs.map(({ names: [name = ""], dtype, shape }) => ({ name, tensorName: name, dtype, shape }));
  const compilation = await compileMeasured(model, inputs, options);
  const { compiled, inferenceUs } = compilation;
  const { options: batching, inLoopBytesMax, notes } = await probe(compilation, options);
  const copies = await copy(compilation, { ...options, isInLoop: inLoopBytesMax > 0 });
  const inferRequestCount = options.inferRequestCount ?? compiled.inferRequestsOptimal;
  return {
    graph: { compiled, copies, inferRequestCount, inLoopBytesMax, waitersMax: options.waitersMax, batching },
    report: {
      ...compilation.spreading,
      inferenceUs,
      isInLoop: inLoopBytesMax > 0,
      inLoopBytesMax,
      isBatched: batching !== undefined,
      batchRowsMax: batching?.batchRowsMax,
      precision: compiled.readProperty("INFERENCE_PRECISION_HINT"),
    },
    notes: [...compilation.notes, ...notes],
  };
}

/** Frees what loaded graphs own, when no servable has come of them. */
export function disposeGraphs(graphs: readonly ServedGraphOptions[]): void {
  for (const { compiled, copies = [] } of graphs) {
    for (const owned of [compiled, ...copies]) owned[Symbol.dispose]();
  }
}

async function probe(
  { compiled, inLoopBytesMax }: Compilation,
  { batching: options }: GraphLoadOptions,
): Promise<BatchingProbe> {
  if (options === undefined) {
    const bytes = await disposeOnError(compiled, () => widenInLoop(compiled, inLoopBytesMax));
    return { options, inLoopBytesMax: bytes, notes: [] };
  }
  return await disposeOnError(compiled, () => probeBatching(compiled, { options, inLoopBytesMax }));
}

/** How many bytes of inputs with several rows, where those are for the client to choose, are best inferred in the loop. */
async function widenInLoop(compiled: CompiledModel, inLoopBytesMax: number): Promise<number> {
  const rowsMax = Math.max(...compiled.inputs.map(({ shape: [first] = [] }) => first?.max ?? 1));
  if (inLoopBytesMax === 0 || compiled.inputs.every(({ shape: [first] = [] }) => first?.min === first?.max)) {
    return inLoopBytesMax;
  }
  using request = compiled.createInferRequest();
  return Math.max(inLoopBytesMax, await measureInLoopBytes(request, { ports: compiled.inputs, rowsMax }));
}

/**
 * Copies of a model that is inferred in several event loops, one for each besides the first: OpenVINO infers a model with one stream
 * for one thread at a time. A large one is shared all the same, for its memory.
 */
async function copy(
  { compiled, compileAgain }: Compilation,
  { otherThreads, modelBytes, isInLoop }: GraphLoadOptions & { isInLoop: boolean },
): Promise<readonly CompiledModel[]> {
  if (!isInLoop || modelBytes >= LARGE_MODEL_BYTES) return [];
  using unlessDone = new DisposableStack();
  unlessDone.use(compiled);
  const copies: CompiledModel[] = [];
  for (let i = 0; i < otherThreads; i++) copies.push(unlessDone.use(await compileAgain()));
  unlessDone.move();
  return copies;
}
