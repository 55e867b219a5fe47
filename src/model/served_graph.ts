/**
 * One compiled graph with its infer requests. It infers in the event loop if that is faster than leaving it, one request at a time or
 * several in a batch.
 *
 * @module
 */
import { assert } from "../base/status.ts";
import { byteLength, type Tensor } from "../base/tensor.ts";
import type { CompiledModel, InferRequest, SharedModel } from "../engine/engine.ts";
import { type BatchingOptions, BatchPredictor } from "./batching/batch_predictor.ts";
import type { BatchFigures } from "./batching/batch_figures.ts";
import { repeatingInferRequest } from "./repeating_infer_request.ts";
import { type Caller, InferRequestPool } from "./infer_request_pool.ts";

/** How a graph runs. */
export interface ServedGraphOptions {
  /** Owned by the graph, unless its constructor throws. */
  readonly compiled: CompiledModel;
  /** The same model compiled once more for each thread, where threads would block each other on one. Owned as `compiled` is. */
  readonly copies?: readonly CompiledModel[];
  readonly inferRequestCount: number;
  /** Inputs of at most this many bytes are inferred on the calling thread; 0 for none. */
  readonly inLoopBytesMax: number;
  /** Bound on the requests that wait for an infer request. */
  readonly waitersMax: number;
  /** How requests share inferences; if left out, each has its own. */
  readonly batching?: BatchingOptions | undefined;
  /** Whether an infer request infers twice when it first gets inputs of some shapes: see `repeating_infer_request.ts`. */
  readonly repeatsNewShapes?: boolean;
}

/** What a graph runs on, in a form that can be sent to another thread. */
export interface SharedGraph extends Omit<ServedGraphOptions, "compiled" | "copies"> {
  readonly compiled: SharedModel;
}

/** How to infer. */
export interface InferOptions<R> {
  readonly caller: Caller;
  /** Whether it has an inference of its own, without waiting for others to share it. For warm-up, while there are no other requests. */
  readonly isAlone?: true;
  /** Which outputs `use` gets, in its order; undefined for all of them in the graph's. */
  readonly signature: { readonly outputPorts: readonly number[] | undefined };
  /** Gets the outputs, as views of the engine's memory that are valid until it returns. */
  use(outputs: readonly Tensor[]): R;
}

/** A compiled graph that infers. */
export class ServedGraph implements Disposable, AsyncDisposable {
  readonly compiled: CompiledModel;
  readonly inferRequestCount: number;
  readonly #options: ServedGraphOptions;
  readonly #pool: InferRequestPool;
  readonly #inLoopBytesMax: number;
  readonly #batches: BatchPredictor | undefined;

  /** @throws {ServingError} INTERNAL if the engine cannot create the infer requests. */
  constructor(options: ServedGraphOptions) {
    this.#options = options;
    this.compiled = options.compiled;
    this.inferRequestCount = options.inferRequestCount;
    this.#inLoopBytesMax = options.inLoopBytesMax;
    const requests: InferRequest[] = [];
    try {
      for (let i = 0; i < options.inferRequestCount; i++) {
        const request = options.compiled.createInferRequest();
        requests.push(options.repeatsNewShapes === true ? repeatingInferRequest(request) : request);
      }
    } catch (error) {
      for (const request of requests) request[Symbol.dispose]();
      throw error;
    }
    this.#pool = new InferRequestPool(requests, { waitersMax: options.waitersMax });
    this.#batches = options.batching && new BatchPredictor(options.batching, {
      pool: this.#pool,
      inputs: options.compiled.inputs,
      inLoopBytesMax: this.#inLoopBytesMax,
      batchesAtOnceMax: options.compiled.inferRequestsOptimal,
    });
  }

  /** Counts of batches since it was loaded; undefined if requests do not share inferences. */
  get batchFigures(): BatchFigures | undefined {
    return this.#batches?.figures;
  }

  /** Number of requests that wait or are being inferred. */
  get requestsInUse(): number {
    return this.#batches?.taskCount ?? this.#pool.inUse + this.#pool.waiting;
  }

  /** Number of running inferences. */
  get inferRequestsInUse(): number {
    return this.#pool.inUse;
  }

  /** Number of requests that wait to be inferred; of their rows if requests share inferences. */
  get waiting(): number {
    return this.#pool.waiting + (this.#batches?.waitingRows ?? 0);
  }

  /**
   * Infers and passes the outputs to `use`, whose result it returns. For a graph that is inferred in the loop this is
   * synchronous; otherwise, and if requests share inferences, it returns a promise.
   *
   * @param inputs in the order of the graph's ports, checked by the caller; borrowed until the result settles.
   * @throws {ServingError} RESOURCE_EXHAUSTED if too many requests wait; the engine's error; the reason of the caller's signal;
   * what {@link BatchPredictor.predict} throws.
   */
  infer<R>(inputs: readonly Tensor[], options: InferOptions<R>): R | Promise<R> {
    if (this.#batches !== undefined && !options.isAlone) {
      return this.#inferTogether(this.#batches, { inputs, options });
    }
    const request = this.#pool.tryAcquire();
    const isInLoop = this.#inLoopBytesMax > 0 && byteLength(inputs) <= this.#inLoopBytesMax;
    if (!isInLoop || request?.infer === undefined) return this.#inferOffLoop(request, { inputs, options });
    try {
      const outputs = request.infer(inputs);
      options.caller.record?.finished();
      return useOutputs(outputs, options);
    } finally {
      this.#pool.release(request);
    }
  }

  #inferTogether<R>(
    batches: BatchPredictor,
    { inputs, options }: { inputs: readonly Tensor[]; options: InferOptions<R> },
  ): Promise<R> {
    return batches.predict(inputs, { caller: options.caller, use: (outputs) => useOutputs(outputs, options) });
  }

  /** @param idle an infer request of the pool, if one was idle. */
  async #inferOffLoop<R>(
    idle: InferRequest | undefined,
    { inputs, options }: { inputs: readonly Tensor[]; options: InferOptions<R> },
  ): Promise<R> {
    const { record } = options.caller;
    const request = idle ?? await this.#pool.acquire(options.caller);
    record?.started();
    try {
      const outputs = await request.inferAsync(inputs);
      record?.finished();
      return useOutputs(outputs, options);
    } finally {
      this.#pool.release(request);
    }
  }

  /**
   * Returns what another thread makes its graph from. Valid as long as this graph.
   *
   * @param thread its number, from 0.
   */
  share(thread: number): SharedGraph {
    const { compiled, copies = [], ...options } = this.#options;
    const shared = (copies[thread] ?? compiled).share?.();
    assert(shared !== undefined, "A model was to be shared by an engine that cannot share it");
    return { ...options, compiled: shared };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposeRequests();
    await Promise.all(this.#compiledModels().map((compiled) => compiled[Symbol.asyncDispose]()));
  }

  [Symbol.dispose](): void {
    this.#disposeRequests();
    for (const compiled of this.#compiledModels()) compiled[Symbol.dispose]();
  }

  #disposeRequests(): void {
    this.#batches?.[Symbol.dispose]();
    this.#pool[Symbol.dispose]();
  }

  #compiledModels(): readonly CompiledModel[] {
    return [this.#options.compiled, ...this.#options.copies ?? []];
  }
}

function useOutputs<R>(outputs: readonly Tensor[], options: InferOptions<R>): R {
  const { outputPorts } = options.signature;
  return options.use(outputPorts === undefined ? outputs : picked(outputs, outputPorts));
}

function picked(outputs: readonly Tensor[], ports: readonly number[]): readonly Tensor[] {
  return ports.map((port) => outputs[port] as Tensor);
}
