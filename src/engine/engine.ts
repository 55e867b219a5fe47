/**
 * The port to an inference runtime: what the program asks of an engine. No term of a runtime's own interface (pointer, status
 * code, property call) passes through it. `testing/conformance.ts` states as tests what every engine keeps.
 *
 * Three capabilities are optional, and an engine without them costs speed, never function:
 * - `InferRequest.infer`: inference on the calling thread. Without it every inference leaves the event loop.
 * - `CompiledModel.share` with `Engine.attach`: one compiled model for several threads. Without them there is one serving thread.
 * - Freeing on disposal. An engine without it drops its references and leaves the memory to the garbage collector.
 *
 * @module
 */
import type { PartialShape } from "../base/signature.ts";
import type { DType, Tensor } from "../base/tensor.ts";

/** What an engine is opened from. It can be sent to another thread, which opens the same engine; only the opener reads it. */
export interface EngineSpec {
  /** The name the engine goes by: `openvino_ffi`. */
  readonly name: string;
  /** The file or folder of its runtime, for reports and the log. */
  readonly path: string;
  /** Why this path, for the log: `--openvino_dir`, `Python package`, … */
  readonly origin: string;
  /** The most threads a model may use on the CPU unless its own properties say otherwise; undefined for one a processor. */
  readonly cpuThreadsMax: number | undefined;
  readonly extensions: readonly EngineExtension[];
}

/** A library with operations that models may use besides the runtime's own. */
export interface EngineExtension {
  readonly path: string;
  /** Whether the engine opens without it. */
  readonly isOptional: boolean;
}

/** The outcome of loading an extension. */
export interface ExtensionReport {
  readonly path: string;
  /** Why an optional extension was not loaded; undefined for one that was. */
  readonly error: string | undefined;
}

/** An inference runtime. Its models must be disposed before it is. */
export interface Engine extends Disposable {
  /** Name and version of the runtime, for the log and `--version`: `OpenVINO 2026.4.1-…`. */
  readonly description: string;
  /** The devices of this machine: `CPU`, `GPU.0`, `NPU`. */
  readonly devices: readonly string[];
  /** The extensions it was opened with. */
  readonly extensions: readonly ExtensionReport[];
  /**
   * Reads a model file off the event loop. `path` names the file that a runtime reads first (`model.xml`, `model.onnx`, the folder
   * of a SavedModel …).
   *
   * @throws {ServingError} INVALID_ARGUMENT with the runtime's reason in one sentence when the file is not a readable model.
   */
  read(path: string): Promise<Model>;
  /**
   * Attaches to a compiled model of another engine of the same kind in the same process, usually in another thread. Disposing the
   * result frees nothing: the model stays its owner's, who must not dispose it before all infer requests made here are disposed.
   * Absent from an engine that cannot share models.
   */
  attach?(shared: SharedModel): CompiledModel;
}

/** A compiled model in a form that can be sent to another thread. */
export interface SharedModel {
  /** Identifies the model to {@link Engine.attach}; its meaning is the engine's own. */
  readonly handle: bigint;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly inferRequestsOptimal: number;
}

/** One input or output of a model, in the runtime's order. */
export interface Port {
  /** All names of the tensor, the one the runtime prefers first. Never empty: a tensor without a name gets its node's. */
  readonly names: readonly string[];
  readonly dtype: DType;
  readonly shape: PartialShape;
  /** The type the runtime computes with where it is narrower than `dtype`: values outside of it lose digits. */
  readonly computedAs?: "i32" | "f32";
}

/** One side of a model. */
export type Direction = "input" | "output";

/** A model that was read but not compiled. */
export interface Model extends Disposable {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /**
   * Returns the index of the port with a name, or undefined. A runtime may know names that it does not list. Where one tensor is
   * several outputs, all of its names find the same one.
   */
  findPort(name: string, direction: Direction): number | undefined;
  /**
   * Changes the shapes of inputs; `inputs` and `outputs` have the new shapes afterwards.
   *
   * @param shapes by any name of an input; inputs left out keep their shape.
   * @throws {ServingError} INVALID_ARGUMENT when the model cannot take the shapes.
   */
  reshape(shapes: ReadonlyMap<string, PartialShape>): void;
  /**
   * Compiles for a device off the event loop. The model may be disposed afterwards.
   *
   * @throws {ServingError} INVALID_ARGUMENT for an unknown device, with the devices of this machine, or an unknown property;
   * INTERNAL when the runtime fails for another reason.
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
 * A model ready to infer on one device. Asynchronous disposal frees it off the event loop: a large model takes tens of
 * milliseconds.
 */
export interface CompiledModel extends Disposable, AsyncDisposable {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** How many infer requests keep the device busy. */
  readonly inferRequestsOptimal: number;
  /** Returns the value of a property, as `NUM_STREAMS` → `2`; undefined for one that the device does not have. */
  readProperty(name: string): string | undefined;
  /** @throws {ServingError} INTERNAL when the runtime cannot make one. */
  createInferRequest(): InferRequest;
  /**
   * Returns what {@link Engine.attach} takes, valid as long as this model. It owns nothing. Absent from the models of an engine
   * that cannot share them.
   */
  share?(): SharedModel;
}

/**
 * One inference at a time in the runtime. Its owner never uses it twice at once, and disposes it only when it is idle.
 */
export interface InferRequest extends Disposable {
  /**
   * Infers on the calling thread. Absent from an engine that infers off the event loop only.
   *
   * @param inputs in port order, with dtypes and shapes that the ports allow (the caller has checked); borrowed until it returns.
   * @returns outputs in port order, views of memory that belongs to the request: valid until its next inference or disposal.
   * @throws {ServingError} INTERNAL with the runtime's reason; INVALID_ARGUMENT when the runtime refuses an input.
   */
  infer?(inputs: readonly Tensor[]): readonly Tensor[];
  /**
   * Infers on another thread; otherwise like {@link infer}. The inputs and the request are borrowed until the promise settles.
   */
  inferAsync(inputs: readonly Tensor[]): Promise<readonly Tensor[]>;
}
