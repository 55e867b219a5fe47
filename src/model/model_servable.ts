/**
 * One loaded version of a model: its signatures and a way to infer with it, in the loop when that is quicker than leaving it.
 *
 * @module
 */
import { assert } from "../base/status.ts";
import { byteLength, type Tensor } from "../base/tensor.ts";
import type { CompiledModel, InferRequest, SharedModel } from "../engine/engine.ts";
import type { BatchFigures } from "./batching/batch_figures.ts";
import { type BatchingOptions, BatchPredictor } from "./batching/batch_predictor.ts";
import { type Caller, InferRequestPool } from "./infer_request_pool.ts";
import type { ServableSignature } from "./loading/signatures.ts";

export { DEFAULT_SIGNATURE_NAME } from "./loading/signatures.ts";

/** How a servable runs. */
export interface ModelServableOptions {
  /** Owned by the servable from here on, unless its constructor throws. */
  readonly compiled: CompiledModel;
  /** The same model compiled again, for threads that would hinder each other with one. Owned as `compiled` is. */
  readonly copies?: readonly CompiledModel[];
  readonly signatures: ReadonlyMap<string, ServableSignature>;
  readonly inferRequestCount: number;
  /** Inputs of at most this many bytes are inferred on the calling thread; 0 for none. */
  readonly inLoopBytesMax: number;
  /** How many requests may wait for an infer request. */
  readonly waitersMax: number;
  /** How requests share inferences; each has its own unless this is given. */
  readonly batching?: BatchingOptions | undefined;
}

/** What a servable runs on, in words that can be sent to another thread, which makes one of its own of them. */
export interface SharedServable extends Omit<ModelServableOptions, "compiled" | "copies"> {
  readonly compiled: SharedModel;
}

/** What was run before anyone else asked. */
export interface WarmUpFigures {
  readonly records: number;
  readonly ms: number;
}

/** How to predict. */
export interface PredictOptions<R> {
  /** One of the servable's own. */
  readonly signature: ServableSignature;
  readonly caller: Caller;
  /** Whether it shares no inference and does not wait for one to be shared. For warming up: nobody else may ask meanwhile. */
  readonly isAlone?: true;
  /** Gets all outputs in the signature's order, views of the engine's memory that are valid until it returns. */
  use(outputs: readonly Tensor[]): R;
}

/**
 * One loaded version of a model, ready to predict. Where it is shared with other threads it is to be disposed asynchronously: it
 * frees the model when they have let go of it.
 */
export class ModelServable implements Disposable, AsyncDisposable {
  readonly signatures: ReadonlyMap<string, ServableSignature>;
  /** How many inferences run at once. */
  readonly inferRequestCount: number;
  /** Of the requests it was warmed up with that its version brought along; undefined without any. */
  warmUp: WarmUpFigures | undefined;
  readonly #options: ModelServableOptions;
  readonly #loans = new AsyncDisposableStack();
  readonly #pool: InferRequestPool;
  readonly #inLoopBytesMax: number;
  readonly #batches: BatchPredictor | undefined;

  /** What batches were like, counted on as long as it serves; undefined when requests do not share inferences. */
  get batchFigures(): BatchFigures | undefined {
    return this.#batches?.figures;
  }

  /** How many infer requests keep the device busy; on a CPU, its streams. */
  get inferRequestsOptimal(): number {
    return this.#options.compiled.inferRequestsOptimal;
  }

  /** How many requests wait or are inferred just now. */
  get requestsInUse(): number {
    return this.#batches?.taskCount ?? this.#pool.inUse + this.#pool.waiting;
  }

  /** How many inferences run just now. */
  get inferRequestsInUse(): number {
    return this.#pool.inUse;
  }

  /** How many requests, or rows of them where they share inferences, wait to be inferred. */
  get waiting(): number {
    return this.#pool.waiting + (this.#batches?.waitingRows ?? 0);
  }

  /** @throws {ServingError} INTERNAL when the engine cannot make the infer requests. */
  constructor(options: ModelServableOptions) {
    this.signatures = options.signatures;
    this.inferRequestCount = options.inferRequestCount;
    this.#options = options;
    this.#inLoopBytesMax = options.inLoopBytesMax;
    const requests: InferRequest[] = [];
    try {
      for (let i = 0; i < options.inferRequestCount; i++) requests.push(options.compiled.createInferRequest());
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

  /**
   * Infers and hands the outputs to `use`, whose result it returns. For a model that is inferred in the loop all of it happens
   * before the call returns; otherwise, and when requests share inferences, there is a promise.
   *
   * @param inputs in the order of the signature's, checked by the caller; borrowed until the result is there.
   * @throws {ServingError} RESOURCE_EXHAUSTED when too many wait; what the engine throws; the reason the caller's signal gives;
   * what {@link BatchPredictor.predict} throws.
   */
  predict<R>(inputs: readonly Tensor[], options: PredictOptions<R>): R | Promise<R> {
    const { record } = options.caller;
    record?.enqueued();
    if (this.#batches !== undefined && !options.isAlone) {
      return this.#predictTogether(this.#batches, { inputs, options });
    }
    const request = this.#pool.tryAcquire();
    const isInLoop = this.#inLoopBytesMax > 0 && byteLength(inputs) <= this.#inLoopBytesMax;
    if (!isInLoop || request?.infer === undefined) return this.#predictOffLoop(request, { inputs, options });
    try {
      const outputs = request.infer(inputs);
      record?.finished();
      return useOutputs(outputs, options);
    } finally {
      this.#pool.release(request);
    }
  }

  #predictTogether<R>(
    batches: BatchPredictor,
    { inputs, options }: { inputs: readonly Tensor[]; options: PredictOptions<R> },
  ): Promise<R> {
    return batches.predict(inputs, { caller: options.caller, use: (outputs) => useOutputs(outputs, options) });
  }

  /** @param idle an infer request of the pool, if one was idle. */
  async #predictOffLoop<R>(
    idle: InferRequest | undefined,
    { inputs, options }: { inputs: readonly Tensor[]; options: PredictOptions<R> },
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
   * What another thread, one of several, makes its servable of. Valid as long as this one.
   *
   * @param thread counts them from 0.
   */
  share(thread: number): SharedServable {
    const { compiled, copies = [], ...options } = this.#options;
    const shared = (copies[thread] ?? compiled).share?.();
    assert(shared !== undefined, "A model was to be shared by an engine that cannot share it");
    return { ...options, compiled: shared };
  }

  /** Has something disposed before the model is freed: what others have made of {@link share}. */
  lend(loan: AsyncDisposable): void {
    this.#loans.use(loan);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loans.disposeAsync();
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

function useOutputs<R>(outputs: readonly Tensor[], options: PredictOptions<R>): R {
  const { outputPorts } = options.signature;
  return options.use(outputPorts === undefined ? outputs : picked(outputs, outputPorts));
}

function picked(outputs: readonly Tensor[], ports: readonly number[]): readonly Tensor[] {
  return ports.map((port) => outputs[port] as Tensor);
}
