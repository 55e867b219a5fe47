/**
 * Variants of a graph, compiled for input shapes that the graph itself does not accept. TensorFlow answers inputs of other ranks and
 * sizes than a signature declares if its operations can compute them.
 *
 * @module
 */
import type { PartialShape } from "../base/signature.ts";
import { CODE, ServingError, toServingError } from "../base/status.ts";
import type { Tensor } from "../base/tensor.ts";
import type { CompiledModel } from "../engine/engine.ts";
import { type InferOptions, ServedGraph, type ServedGraphOptions } from "./served_graph.ts";

/** Shapes for all inputs of a graph, in its order; undefined for those that keep theirs. */
export type VariantShapes = readonly (PartialShape | undefined)[];

/** Compiles a graph for other shapes, off the event loop. The result is the caller's. */
export type CompileVariant = (shapes: VariantShapes) => Promise<CompiledModel>;

/** Variants of a graph that are kept; beyond that the least recently used one is freed. */
const VARIANTS_MAX = 8;
/** Shapes remembered as impossible to compile, so that repeated requests cost nothing. */
const FAILURES_MAX = 64;
/** Bound on the shapes that wait to be compiled; they are compiled one after the other. */
const PENDING_MAX = 16;

const OPEN = { min: 0, max: Infinity };

/** A variant, while it is used and until it is freed. */
interface Variant {
  readonly graph: ServedGraph;
  users: number;
  isEvicted: boolean;
}

/** What variants need. */
export interface ShapeVariantsOptions {
  readonly compile: CompileVariant;
  readonly graph: Pick<ServedGraphOptions, "inferRequestCount" | "waitersMax" | "repeatsNewShapes">;
}

/** Whether a graph takes tensors of these shapes. */
export function fitsPorts(tensors: readonly Tensor[], { inputs }: CompiledModel): boolean {
  for (let i = 0; i < inputs.length; i++) {
    const port = inputs[i]?.shape;
    const shape = tensors[i]?.shape;
    if (port === undefined || shape === undefined) continue;
    if (!fits(shape, port)) return false;
  }
  return true;
}

function fits(shape: readonly number[], port: NonNullable<PartialShape>): boolean {
  if (shape.length !== port.length) return false;
  for (let axis = 0; axis < port.length; axis++) {
    const size = shape[axis] as number;
    const bound = port[axis];
    if (bound === undefined || size < bound.min || size > bound.max) return false;
  }
  return true;
}

/** The variants of one graph. Disposing it frees them, and needs them idle. */
export class ShapeVariants implements Disposable, AsyncDisposable {
  readonly #options: ShapeVariantsOptions;
  /** Least recently used first. */
  readonly #variants = new Map<string, Promise<Variant>>();
  readonly #failures = new Map<string, ServingError>();
  readonly #live = new Set<Variant>();
  #compiling: Promise<unknown> = Promise.resolve();
  #pending = 0;
  /** Number of variants compiled so far. */
  compiledCount = 0;

  constructor(options: ShapeVariantsOptions) {
    this.#options = options;
  }

  /** Number of variants. */
  get count(): number {
    return this.#live.size;
  }

  /** Number of their inferences that run or wait. */
  get requestsInUse(): number {
    let count = 0;
    for (const { graph } of this.#live) count += graph.requestsInUse;
    return count;
  }

  /**
   * Infers with a variant for the shapes of the inputs: preferably one in which all sizes are dynamic, otherwise one for exactly
   * these shapes.
   *
   * @param base the graph as it is compiled.
   * @throws {ServingError} INVALID_ARGUMENT if the graph cannot be computed for these shapes; the error of the inference.
   */
  async infer<R>(base: CompiledModel, inputs: readonly Tensor[], options: InferOptions<R>): Promise<R> {
    const open = openShapes(base, inputs);
    const exact = inputs.map(({ shape }): PartialShape => shape.map((size) => ({ min: size, max: size })));
    try {
      return await this.#inferWith(keyOf(open), open, { inputs, options });
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    return await this.#inferWith(keyOf(exact), exact, { inputs, options });
  }

  async #inferWith<R>(
    key: string,
    shapes: VariantShapes,
    { inputs, options }: { inputs: readonly Tensor[]; options: InferOptions<R> },
  ): Promise<R> {
    const variant = await this.#variantFor(key, shapes);
    variant.users++;
    try {
      return await variant.graph.infer(inputs, options);
    } finally {
      variant.users--;
      this.#freeIfUnused(variant);
    }
  }

  #variantFor(key: string, shapes: VariantShapes): Promise<Variant> {
    const failure = this.#failures.get(key);
    if (failure !== undefined) return Promise.reject(failure);
    const known = this.#variants.get(key);
    if (known !== undefined) {
      this.#variants.delete(key);
      this.#variants.set(key, known);
      return known;
    }
    if (this.#pending === PENDING_MAX) {
      return Promise.reject(
        new ServingError(
          CODE.RESOURCE_EXHAUSTED,
          `The model is being compiled for ${PENDING_MAX} other shapes already`,
        ),
      );
    }
    this.#pending++;
    const made = this.#compiling.then(() => this.#make(shapes));
    this.#compiling = made.catch(() => {}).finally(() => this.#pending--);
    this.#variants.set(key, made);
    made.catch((error) => {
      this.#variants.delete(key);
      if (!isRefusal(error)) return;
      if (this.#failures.size === FAILURES_MAX) this.#failures.clear();
      this.#failures.set(key, error);
    });
    this.#evict();
    return made;
  }

  async #make(shapes: VariantShapes): Promise<Variant> {
    let compiled: CompiledModel;
    try {
      compiled = await this.#options.compile(shapes);
    } catch (thrown) {
      const { message, code } = toServingError(thrown);
      // The client chose the shapes, so any failure to compile for them is its mistake.
      const isShape = code === CODE.INVALID_ARGUMENT || code === CODE.INTERNAL;
      throw isShape ? refusal(message, thrown) : thrown;
    }
    let graph: ServedGraph;
    try {
      graph = new ServedGraph({ ...this.#options.graph, compiled, inLoopBytesMax: 0 });
    } catch (error) {
      compiled[Symbol.dispose]();
      throw error;
    }
    const variant = { graph, users: 0, isEvicted: false };
    this.#live.add(variant);
    this.compiledCount++;
    return variant;
  }

  #evict(): void {
    for (const [key, made] of this.#variants) {
      if (this.#variants.size <= VARIANTS_MAX) return;
      this.#variants.delete(key);
      made.then((variant) => {
        variant.isEvicted = true;
        // Requests that waited for the variant use it first.
        setTimeout(() => this.#freeIfUnused(variant), 0);
      }, () => {});
    }
  }

  #freeIfUnused(variant: Variant): void {
    if (!variant.isEvicted || variant.users > 0 || !this.#live.delete(variant)) return;
    void variant.graph[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#compiling;
    const live = [...this.#live];
    this.#live.clear();
    await Promise.all(live.map(({ graph }) => graph[Symbol.asyncDispose]()));
  }

  [Symbol.dispose](): void {
    for (const { graph } of this.#live) graph[Symbol.dispose]();
    this.#live.clear();
  }
}

/** Shapes with the ranks of the tensors and dynamic sizes, where the graph's own shapes do not fit. */
function openShapes({ inputs }: CompiledModel, tensors: readonly Tensor[]): VariantShapes {
  return tensors.map(({ shape }, i): PartialShape | undefined => {
    const port = inputs[i]?.shape;
    if (port !== undefined && fits(shape, port)) return undefined;
    if (port === undefined || port.length !== shape.length) return shape.map(() => OPEN);
    return port.map((bound, axis) => {
      const size = shape[axis] as number;
      return size < bound.min || size > bound.max ? OPEN : bound;
    });
  });
}

function keyOf(shapes: VariantShapes): string {
  return shapes.map((shape) => shape?.map(({ min, max }) => min === max ? min : "?").join() ?? "=").join(";");
}

class ShapeRefusal extends ServingError {}

function refusal(reason: string, cause: unknown): ServingError {
  return new ShapeRefusal(CODE.INVALID_ARGUMENT, `The model cannot be computed for these shapes: ${reason}`, { cause });
}

function isRefusal(error: unknown): error is ServingError {
  return error instanceof ServingError && (error instanceof ShapeRefusal || error.code === CODE.INTERNAL);
}
