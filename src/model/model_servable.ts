/**
 * One loaded version of a model: its signatures and a way to infer with it, in the loop when that is quicker than leaving it.
 *
 * @module
 */
import type { Histogram } from "../base/metrics.ts";
import { byteLength, type Tensor } from "../base/tensor.ts";
import type { CompiledModel, InferRequest } from "../engine/engine.ts";
import { type BatchingOptions, BatchPredictor } from "./batch_predictor.ts";
import { type Caller, InferRequestPool } from "./infer_request_pool.ts";
import type { ServableSignature } from "./signatures.ts";

export { DEFAULT_SIGNATURE_NAME } from "./signatures.ts";

/** How a servable runs. */
export interface ModelServableOptions {
  /** Owned by the servable from here on, unless its constructor throws. */
  readonly compiled: CompiledModel;
  readonly signatures: ReadonlyMap<string, ServableSignature>;
  readonly inferRequestCount: number;
  /** Inputs of at most this many bytes are inferred on the calling thread; 0 for none. */
  readonly inLoopBytesMax: number;
  /** How many requests may wait for an infer request. */
  readonly waitersMax: number;
  /** How requests share inferences; each has its own unless this is given. */
  readonly batching?: BatchingOptions | undefined;
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

/** One loaded version of a model, ready to predict. */
export class ModelServable implements Disposable {
  readonly signatures: ReadonlyMap<string, ServableSignature>;
  /** How many inferences run at once. */
  readonly inferRequestCount: number;
  readonly #compiled: CompiledModel;
  readonly #pool: InferRequestPool;
  readonly #inLoopBytesMax: number;
  readonly #batches: BatchPredictor | undefined;

  /** How many rows batches have had; undefined when requests do not share inferences. */
  get batchRows(): Histogram | undefined {
    return this.#batches?.batchRows;
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
    this.#compiled = options.compiled;
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
      inputs: this.#compiled.inputs,
      inLoopBytesMax: this.#inLoopBytesMax,
      batchesAtOnceMax: this.#compiled.inferRequestsOptimal,
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
    record?.asks();
    if (this.#batches !== undefined && !options.isAlone) {
      return this.#predictTogether(this.#batches, { inputs, options });
    }
    if (this.#inLoopBytesMax > 0 && byteLength(inputs) <= this.#inLoopBytesMax) {
      const request = this.#pool.tryAcquire();
      if (request !== undefined) {
        try {
          const outputs = request.infer(inputs);
          record?.infers();
          return useOutputs(outputs, options);
        } finally {
          this.#pool.release(request);
        }
      }
    }
    return this.#predictOffLoop(inputs, options);
  }

  #predictTogether<R>(
    batches: BatchPredictor,
    { inputs, options }: { inputs: readonly Tensor[]; options: PredictOptions<R> },
  ): Promise<R> {
    return batches.predict(inputs, { caller: options.caller, use: (outputs) => useOutputs(outputs, options) });
  }

  async #predictOffLoop<R>(inputs: readonly Tensor[], options: PredictOptions<R>): Promise<R> {
    const { record } = options.caller;
    const request = this.#pool.tryAcquire() ?? await this.#pool.acquire(options.caller);
    record?.begins();
    try {
      const outputs = await request.inferAsync(inputs);
      record?.infers();
      return useOutputs(outputs, options);
    } finally {
      this.#pool.release(request);
    }
  }

  [Symbol.dispose](): void {
    this.#batches?.[Symbol.dispose]();
    this.#pool[Symbol.dispose]();
    this.#compiled[Symbol.dispose]();
  }
}

function useOutputs<R>(outputs: readonly Tensor[], options: PredictOptions<R>): R {
  const { outputPorts } = options.signature;
  return options.use(outputPorts === undefined ? outputs : picked(outputs, outputPorts));
}

function picked(outputs: readonly Tensor[], ports: readonly number[]): readonly Tensor[] {
  return ports.map((port) => outputs[port] as Tensor);
}
