/**
 * The port to an inference runtime: what the rest of the program may ask of one. No word of a runtime's own interface
 * (pointer, status code, property call) passes through here; `testing/conformance.ts` says in tests what every engine keeps.
 *
 * @module
 */
import type { PartialShape } from "../base/signature.ts";
import type { DType, Tensor } from "../base/tensor.ts";

/** An inference runtime. Disposing it frees what it still holds; models made by it must be disposed first. */
export interface Engine extends Disposable {
  /** Name and version of the runtime, for the log and `--version`: `OpenVINO 2026.4.1-…`. */
  readonly description: string;
  /** The devices this machine offers: `CPU`, `GPU.0`, `NPU`. */
  readonly devices: readonly string[];
  /**
   * Reads a model file off the event loop. `path` names the file a runtime reads first (`model.xml`, `model.onnx`, a
   * SavedModel's folder …).
   *
   * @throws {ServingError} INVALID_ARGUMENT with the runtime's reason in one sentence when the file is not a readable model.
   */
  read(path: string): Promise<Model>;
  /**
   * A compiled model of another engine of the same kind in the same process, in another thread perhaps. Disposing it frees nothing:
   * the model stays its owner's, who must not dispose it before all infer requests made here are disposed.
   */
  attach(shared: SharedModel): CompiledModel;
}

/** A compiled model in words that can be sent to another thread. */
export interface SharedModel {
  /** Which one it is: the engine's own affair. */
  readonly handle: bigint;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly inferRequestsOptimal: number;
}

/** One input or output of a model, in the runtime's order. */
export interface Port {
  /** All names the tensor goes by, the one the runtime prefers first. Never empty: a tensor without one gets its node's name. */
  readonly names: readonly string[];
  readonly dtype: DType;
  readonly shape: PartialShape;
  /** What the runtime computes with where that is narrower than `dtype`: values lose what it does not hold. */
  readonly computedAs?: "i32" | "f32";
}

/** Which ports of a model are meant. */
export type Direction = "input" | "output";

/** A model that was read but not compiled. */
export interface Model extends Disposable {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * The index of a port that goes by a name; undefined when none does. A runtime may know names that it does not list. Where
   * one tensor is several outputs, one of them is found for all of its names.
   */
  findPort(name: string, direction: Direction): number | undefined;
  /**
   * Gives inputs other shapes; `inputs` and `outputs` say the new ones afterwards.
   *
   * @param shapes by input name (any of its names); inputs left out keep theirs.
   * @throws {ServingError} INVALID_ARGUMENT when the model cannot have those shapes.
   */
  reshape(shapes: ReadonlyMap<string, PartialShape>): void;
  /**
   * Compiles for a device off the event loop. The model may be disposed afterwards.
   *
   * @throws {ServingError} INVALID_ARGUMENT for an unknown device or property, with the devices there are; INTERNAL when the
   * runtime fails for another reason.
   */
  compile(options: CompileOptions): Promise<CompiledModel>;
}

/** How to compile a model. */
export interface CompileOptions {
  /** `CPU`, `GPU`, `AUTO:GPU,CPU` … */
  readonly device: string;
  /** The runtime's own properties by name: `PERFORMANCE_HINT` → `LATENCY`. */
  readonly properties?: ReadonlyMap<string, string>;
}

/**
 * A model ready to infer on one device. Disposed asynchronously it is freed off the event loop, which a large one would hold up for tens
 * of milliseconds.
 */
export interface CompiledModel extends Disposable, AsyncDisposable {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** How many infer requests keep the device busy. */
  readonly inferRequestsOptimal: number;
  /** What the runtime says of a property: `NUM_STREAMS` → `2`. Undefined for one that this device does not have. */
  readProperty(name: string): string | undefined;
  /** @throws {ServingError} INTERNAL when the runtime cannot make one. */
  createInferRequest(): InferRequest;
  /** What {@link Engine.attach} takes. Owned by nobody: it is valid as long as this model. */
  share(): SharedModel;
}

/**
 * One place at the runtime, used by one inference at a time. Its owner keeps a request from being used twice at once and
 * disposes it only when it is idle.
 */
export interface InferRequest extends Disposable {
  /**
   * Infers on the calling thread.
   *
   * @param inputs in port order, with dtypes and shapes the ports allow (the caller has checked); borrowed until it returns.
   * @returns outputs in port order, views of memory that belongs to the request: valid until its next inference or disposal.
   * @throws {ServingError} INTERNAL with the runtime's reason; INVALID_ARGUMENT when the runtime refuses an input.
   */
  infer(inputs: readonly Tensor[]): readonly Tensor[];
  /** Like {@link infer}, on another thread. `inputs` are borrowed until the promise settles, and so is the request. */
  inferAsync(inputs: readonly Tensor[]): Promise<readonly Tensor[]>;
}
