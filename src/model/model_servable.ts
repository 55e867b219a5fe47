/**
 * One loaded version of a model: its signatures, and the graphs that answer them.
 *
 * @module
 */
import type { Tensor } from "../base/tensor.ts";
import type { BatchFigures } from "./batching/batch_figures.ts";
import type { Caller } from "./infer_request_pool.ts";
import type { VariantSource } from "./loading/variant_compiler.ts";
import type { ServableSignature } from "./loading/signatures.ts";
import { SignatureBinding } from "./saved_model/signature_binding.ts";
import { ServedGraph, type ServedGraphOptions, type SharedGraph } from "./served_graph.ts";
import { type CompileVariant, fitsPorts, ShapeVariants } from "./shape_variants.ts";

export { DEFAULT_SIGNATURE_NAME } from "./loading/signatures.ts";

/** How a servable runs. */
export interface ModelServableOptions {
  readonly signatures: ReadonlyMap<string, ServableSignature>;
  /** Signatures of the model that cannot be served. */
  readonly refused?: ReadonlyMap<string, RefusedSignature>;
  /** The graphs that signatures refer to by index, with what they own: see {@link ServedGraphOptions}. */
  readonly graphs: readonly ServedGraphOptions[];
  /** From which another thread makes its own `compileVariant`. */
  readonly variantSource?: VariantSource;
  /** Compiles one of the graphs for other shapes; without it only the shapes that signatures declare are served. */
  readonly compileVariant?:
    | ((graph: number, ...args: Parameters<CompileVariant>) => ReturnType<CompileVariant>)
    | undefined;
}

/** A signature that cannot be served. */
export interface RefusedSignature {
  /** Undefined if an input or output is of a kind that no tensor here can represent. */
  readonly signature: Pick<ServableSignature, "inputs" | "outputs" | "methodName"> | undefined;
  readonly reason: string;
}

/** What a servable runs on, as plain data from which another thread makes a servable of its own. */
export interface SharedServable extends Omit<ModelServableOptions, "graphs" | "compileVariant"> {
  readonly graphs: readonly SharedGraph[];
}

/** The warm-up requests that were run. */
export interface WarmUpFigures {
  readonly records: number;
  readonly ms: number;
}

/** How to predict. */
export interface PredictOptions<R> {
  /** One of the servable's signatures. */
  readonly signature: ServableSignature;
  readonly caller: Caller;
  /** Whether it has an inference of its own, without waiting for others to share it. For warm-up, while there are no other requests. */
  readonly isAlone?: true;
  /** Gets all outputs in the signature's order, as views of the engine's memory that are valid until it returns. */
  use(outputs: readonly Tensor[]): R;
}

const ALL_OUTPUTS = { outputPorts: undefined };

/**
 * One loaded version of a model, ready to predict. If it is shared with other threads, dispose it asynchronously: the model is freed
 * once they have released it.
 */
export class ModelServable implements Disposable, AsyncDisposable {
  readonly signatures: ReadonlyMap<string, ServableSignature>;
  /** Signatures of the model that cannot be served. */
  readonly refused: ReadonlyMap<string, RefusedSignature>;
  /** Number of inferences that can run at once. */
  readonly inferRequestCount: number;
  /** The recorded requests of the version that it was warmed up with; undefined if there were none. */
  warmUp: WarmUpFigures | undefined;
  readonly #loans = new AsyncDisposableStack();
  readonly #graphs: readonly ServedGraph[];
  /** By graph; undefined if only the shapes that signatures declare are served. */
  readonly #variants: readonly ShapeVariants[] | undefined;
  readonly #variantSource: VariantSource | undefined;
  readonly #bindings = new Map<ServableSignature, SignatureBinding>();

  /** Counts of batches since it was loaded; undefined if requests do not share inferences. */
  get batchFigures(): BatchFigures | undefined {
    return this.#graphs.find(({ batchFigures }) => batchFigures !== undefined)?.batchFigures;
  }

  /** Number of infer requests that keep the device busy; on a CPU, its streams. */
  get inferRequestsOptimal(): number {
    return this.#graphs[0]?.compiled.inferRequestsOptimal ?? 1;
  }

  /** Number of requests that wait or are being inferred. */
  get requestsInUse(): number {
    const inVariants = this.#variants?.reduce((sum, { requestsInUse }) => sum + requestsInUse, 0) ?? 0;
    return this.#graphs.reduce((sum, { requestsInUse }) => sum + requestsInUse, inVariants);
  }

  /** Number of running inferences. */
  get inferRequestsInUse(): number {
    return this.#graphs.reduce((sum, { inferRequestsInUse }) => sum + inferRequestsInUse, 0);
  }

  /** Number of requests that wait to be inferred; of their rows if requests share inferences. */
  get waiting(): number {
    return this.#graphs.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Number of graphs that are compiled for shapes other than their own. */
  get shapeVariants(): number {
    return this.#variants?.reduce((sum, { count }) => sum + count, 0) ?? 0;
  }

  /** @throws {ServingError} INTERNAL if the engine cannot create the infer requests. */
  constructor(options: ModelServableOptions) {
    this.signatures = options.signatures;
    this.refused = options.refused ?? new Map();
    const graphs: ServedGraph[] = [];
    try {
      for (const graph of options.graphs) graphs.push(new ServedGraph(graph));
    } catch (error) {
      for (const graph of graphs) graph[Symbol.dispose]();
      throw error;
    }
    this.#graphs = graphs;
    this.inferRequestCount = graphs.reduce((sum, { inferRequestCount }) => sum + inferRequestCount, 0);
    this.#variantSource = options.variantSource;
    const { compileVariant } = options;
    this.#variants = compileVariant &&
      options.graphs.map((graph, index) =>
        new ShapeVariants({
          compile: (shapes) => compileVariant(index, shapes),
          graph: {
            inferRequestCount: graph.inferRequestCount,
            waitersMax: graph.waitersMax,
            ...graph.repeatsNewShapes && { repeatsNewShapes: true },
          },
        })
      );
    for (const signature of options.signatures.values()) {
      if (signature.wiring !== undefined) this.#bindings.set(signature, new SignatureBinding(signature.wiring));
    }
  }

  /**
   * Infers and passes the outputs to `use`, whose result it returns. For a model that is inferred in the loop this is
   * synchronous; otherwise, and if requests share inferences, it returns a promise.
   *
   * @param inputs in the order of the signature's, checked by the caller; borrowed until the result settles.
   * @throws {ServingError} RESOURCE_EXHAUSTED if too many requests wait; the engine's error; the reason of the caller's signal;
   * INVALID_ARGUMENT for examples that do not parse; what `BatchPredictor.predict` throws.
   */
  predict<R>(inputs: readonly Tensor[], options: PredictOptions<R>): R | Promise<R> {
    options.caller.record?.enqueued();
    const { signature } = options;
    if (signature.wiring !== undefined) return this.#predictBound(inputs, options);
    const index = signature.graph ?? 0;
    const graph = this.#graphs[index] as ServedGraph;
    if (this.#variants !== undefined && !fitsPorts(inputs, graph.compiled)) {
      return (this.#variants[index] as ShapeVariants).infer(graph.compiled, inputs, options);
    }
    return graph.infer(inputs, options);
  }

  /** Predicts with a signature whose inputs and outputs are not simply those of its graph. */
  #predictBound<R>(inputs: readonly Tensor[], options: PredictOptions<R>): R | Promise<R> {
    const { signature, caller, isAlone } = options;
    const { tensors, answer } = (this.#bindings.get(signature) as SignatureBinding).feed(inputs);
    const graph = signature.graph === undefined ? undefined : this.#graphs[signature.graph];
    if (graph === undefined) {
      caller.record?.finished();
      return options.use(answer([]));
    }
    const inferOptions = {
      caller,
      ...isAlone && { isAlone },
      signature: ALL_OUTPUTS,
      use: (outputs: readonly Tensor[]) => options.use(answer(outputs)),
    };
    if (this.#variants !== undefined && !fitsPorts(tensors, graph.compiled)) {
      return (this.#variants[signature.graph ?? 0] as ShapeVariants).infer(graph.compiled, tensors, inferOptions);
    }
    return graph.infer(tensors, inferOptions);
  }

  /**
   * Returns what another thread makes its servable from. Valid as long as this servable.
   *
   * @param thread its number, from 0.
   */
  share(thread: number): SharedServable {
    const { signatures, refused } = this;
    return {
      signatures,
      refused,
      graphs: this.#graphs.map((graph) => graph.share(thread)),
      ...this.#variantSource && { variantSource: this.#variantSource },
    };
  }

  /** Adds something to dispose before the model is freed: servables that were made from {@link share}. */
  lend(loan: AsyncDisposable): void {
    this.#loans.use(loan);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loans.disposeAsync();
    for (const disposable of [...this.#variants ?? [], ...this.#graphs]) await disposable[Symbol.asyncDispose]();
  }

  [Symbol.dispose](): void {
    for (const disposable of [...this.#variants ?? [], ...this.#graphs]) disposable[Symbol.dispose]();
  }
}
