/**
 * An engine in memory, for tests: its models are small JSON files, its failures and delays are told, its objects counted.
 *
 * @module
 */
import type { PartialShape } from "../base/signature.ts";
import { assert, CODE, ServingError } from "../base/status.ts";
import { type DType, DTYPE_BYTES, elementCount, type NumericDType, type Tensor } from "../base/tensor.ts";
import type {
  CompiledModel,
  CompileOptions,
  Direction,
  Engine,
  InferRequest,
  Model,
  Port,
  SharedModel,
} from "./engine.ts";

/**
 * What a fake model's file holds, as JSON. Output `i` is computed from input `i`, or from the last where there are fewer.
 */
export interface FakeModelFile {
  readonly inputs: readonly FakePort[];
  readonly outputs: readonly FakePort[];
  /** `identity` copies; `add` adds `value` to numbers; `constant` fills with `value`. Identity when absent. */
  readonly compute?: "identity" | "add" | "constant";
  readonly value?: number;
  /** The sentence with which reading, compiling or inferring fails. */
  readonly failRead?: string;
  readonly failCompile?: string;
  readonly failInfer?: string;
}

/** A port in a fake model's file: a dimension is a size, -1 for any, or `[min, max]`; no shape for any rank. */
export interface FakePort {
  readonly names: readonly string[];
  readonly dtype: DType;
  readonly shape?: readonly (number | readonly [number, number])[];
}

/** How many objects of each kind a {@link FakeEngine} has made that are not disposed. */
export interface LiveCounts {
  models: number;
  compiledModels: number;
  inferRequests: number;
}

/** What happens in a {@link FakeEngine} when a test wants to wait for or hold up something. */
export interface FakeEngineOptions {
  readonly devices?: readonly string[];
  readonly inferRequestsOptimal?: number;
  /** Awaited before a read, a compilation or an asynchronous inference goes on: return a promise that the test settles. */
  readonly gate?: (stage: "read" | "compile" | "infer", path: string) => Promise<void> | void;
}

/** The properties a fake device takes, whatever their values. */
const PROPERTIES: readonly string[] = [
  "CACHE_DIR",
  "ENABLE_CPU_PINNING",
  "INFERENCE_NUM_THREADS",
  "INFERENCE_PRECISION_HINT",
  "NUM_STREAMS",
  "PERFORMANCE_HINT",
  "PERFORMANCE_HINT_NUM_REQUESTS",
];
/** What the outputs of an inference turn into at the next, so that a test notices who still reads them. */
const STALE_BYTE = 0xee;

/** An engine whose models are files of {@link FakeModelFile}. */
export class FakeEngine implements Engine {
  readonly description = "fake engine";
  readonly devices: readonly string[];
  /** Zero of everything once a test has cleaned up. */
  readonly live: LiveCounts = { models: 0, compiledModels: 0, inferRequests: 0 };
  readonly options: FakeEngineOptions;
  /** The options of each compilation, in order. */
  readonly compilations: CompileOptions[] = [];

  constructor(options: FakeEngineOptions = {}) {
    this.options = options;
    this.devices = options.devices ?? ["CPU"];
  }

  async read(path: string): Promise<Model> {
    await this.options.gate?.("read", path);
    const file = await readFile(path);
    if (file.failRead !== undefined) throw readError(file.failRead);
    return new FakeModel(this, path, file);
  }

  attach({ handle }: SharedModel): CompiledModel {
    const shared = sharedModels.get(handle);
    assert(shared !== undefined, "A compiled model was attached after its owner disposed it");
    return new FakeCompiledModel(this, shared.path, shared.compiled);
  }

  [Symbol.dispose](): void {}
}

/** Compiled models that were shared and live. A handle is good in any engine of the process, as an address is. */
const sharedModels = new Map<bigint, { path: string; compiled: Compiled }>();
let lastHandle = 0n;

async function readFile(path: string): Promise<FakeModelFile> {
  try {
    const file: FakeModelFile = JSON.parse(await Deno.readTextFile(path));
    if (Array.isArray(file.inputs) && Array.isArray(file.outputs)) return file;
  } catch (cause) {
    throw readError(cause instanceof SyntaxError ? "it is no JSON" : "the file is missing", { cause });
  }
  throw readError("it has no inputs and outputs");
}

function readError(reason: string, options?: ErrorOptions): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `Cannot read the model: ${reason}`, options);
}

/** Counts an object as live until it is disposed; a second disposal does nothing. */
class Life implements Disposable {
  readonly #live: LiveCounts;
  readonly #kind: keyof LiveCounts;
  #isOver = false;

  constructor(live: LiveCounts, kind: keyof LiveCounts) {
    this.#live = live;
    this.#kind = kind;
    live[kind]++;
  }

  check(what: string): void {
    assert(!this.#isOver, `The ${what} was used after it was disposed`);
  }

  [Symbol.dispose](): void {
    if (!this.#isOver) this.#live[this.#kind]--;
    this.#isOver = true;
  }
}

class FakeModel implements Model {
  readonly #engine: FakeEngine;
  readonly #path: string;
  readonly #file: FakeModelFile;
  readonly #life: Life;
  #inputs: readonly Port[];
  #outputs: readonly Port[];

  constructor(engine: FakeEngine, path: string, file: FakeModelFile) {
    this.#engine = engine;
    this.#path = path;
    this.#file = file;
    this.#inputs = file.inputs.map(toPort);
    this.#outputs = file.outputs.map(toPort);
    this.#life = new Life(engine.live, "models");
  }

  get inputs(): readonly Port[] {
    return this.#inputs;
  }

  get outputs(): readonly Port[] {
    return this.#outputs;
  }

  findPort(name: string, direction: Direction): number | undefined {
    const ports = direction === "input" ? this.#inputs : this.#outputs;
    const index = ports.findIndex(({ names }) => names.includes(name));
    return index < 0 ? undefined : index;
  }

  reshape(shapes: ReadonlyMap<string, PartialShape>): void {
    this.#life.check("model");
    for (const [name, shape] of shapes) {
      const index = this.#inputs.findIndex(({ names }) => names.includes(name));
      const input = this.#inputs[index];
      if (input === undefined) {
        throw new ServingError(CODE.INVALID_ARGUMENT, `Cannot reshape the model: it has no input ${name}`);
      }
      if (shape !== undefined && input.shape !== undefined && shape.length !== input.shape.length) {
        throw new ServingError(CODE.INVALID_ARGUMENT, `Cannot reshape the model: ${name} has another rank`);
      }
      this.#inputs = this.#inputs.with(index, { ...input, shape });
      this.#outputs = this.#outputs.map((output, i) =>
        Math.min(i, this.#inputs.length - 1) === index ? { ...output, shape } : output
      );
    }
  }

  async compile(options: CompileOptions): Promise<CompiledModel> {
    this.#life.check("model");
    const { devices, options: { gate } } = this.#engine;
    if (!devices.includes(options.device)) {
      throw new ServingError(
        CODE.INVALID_ARGUMENT,
        `Cannot compile the model for the device ${options.device}: this machine has ${devices.join(", ")}`,
      );
    }
    for (const name of options.properties?.keys() ?? []) {
      if (PROPERTIES.includes(name)) continue;
      throw new ServingError(CODE.INVALID_ARGUMENT, `Cannot compile the model: Unsupported property ${name}`);
    }
    this.#engine.compilations.push(options);
    await gate?.("compile", this.#path);
    if (this.#file.failCompile !== undefined) {
      throw new ServingError(CODE.INTERNAL, `Cannot compile the model: ${this.#file.failCompile}`);
    }
    const compiled = { file: this.#file, inputs: this.#inputs, outputs: this.#outputs };
    return new FakeCompiledModel(this.#engine, this.#path, compiled);
  }

  [Symbol.dispose](): void {
    this.#life[Symbol.dispose]();
  }
}

interface Compiled {
  readonly file: FakeModelFile;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

class FakeCompiledModel implements CompiledModel {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly inferRequestsOptimal: number;
  readonly #engine: FakeEngine;
  readonly #path: string;
  readonly #compiled: Compiled;
  readonly #life: Life;
  #handle: bigint | undefined;

  constructor(engine: FakeEngine, path: string, compiled: Compiled) {
    this.#engine = engine;
    this.#path = path;
    this.#compiled = compiled;
    this.inputs = compiled.inputs;
    this.outputs = compiled.outputs;
    this.inferRequestsOptimal = engine.options.inferRequestsOptimal ?? 1;
    this.#life = new Life(engine.live, "compiledModels");
  }

  createInferRequest(): InferRequest {
    this.#life.check("compiled model");
    return new FakeInferRequest(this.#engine, this.#path, this.#compiled);
  }

  share(): SharedModel {
    this.#life.check("compiled model");
    const { inputs, outputs, inferRequestsOptimal } = this;
    this.#handle ??= ++lastHandle;
    sharedModels.set(this.#handle, { path: this.#path, compiled: this.#compiled });
    return { handle: this.#handle, inputs, outputs, inferRequestsOptimal };
  }

  [Symbol.dispose](): void {
    if (this.#handle !== undefined) sharedModels.delete(this.#handle);
    this.#life[Symbol.dispose]();
  }
}

class FakeInferRequest implements InferRequest {
  readonly #engine: FakeEngine;
  readonly #path: string;
  readonly #compiled: Compiled;
  readonly #life: Life;
  #isInferring = false;
  #outputs: readonly Tensor[] = [];

  constructor(engine: FakeEngine, path: string, compiled: Compiled) {
    this.#engine = engine;
    this.#path = path;
    this.#compiled = compiled;
    this.#life = new Life(engine.live, "inferRequests");
  }

  infer(inputs: readonly Tensor[]): readonly Tensor[] {
    this.#life.check("infer request");
    assert(!this.#isInferring, "An infer request was used twice at once");
    const { file, inputs: ports, outputs } = this.#compiled;
    assert(inputs.length === ports.length, "An infer request got another number of inputs than its model has");
    inputs.forEach((tensor, i) => checkInput(ports[i] as Port, tensor));
    this.#spoilOutputs();
    if (file.failInfer !== undefined) throw new ServingError(CODE.INTERNAL, `Cannot infer: ${file.failInfer}`);
    return this.#outputs = outputs.map((port, i) => compute(file, port, inputs[Math.min(i, inputs.length - 1)]));
  }

  #spoilOutputs(): void {
    for (const tensor of this.#outputs) {
      if (tensor.dtype !== "string") tensor.bytes.fill(STALE_BYTE);
    }
  }

  async inferAsync(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    this.#life.check("infer request");
    assert(!this.#isInferring, "An infer request was used twice at once");
    this.#isInferring = true;
    try {
      await this.#engine.options.gate?.("infer", this.#path);
    } finally {
      this.#isInferring = false;
    }
    return this.infer(inputs);
  }

  [Symbol.dispose](): void {
    assert(!this.#isInferring, "An infer request was disposed while it infers");
    this.#spoilOutputs();
    this.#life[Symbol.dispose]();
  }
}

function toPort({ names, dtype, shape }: FakePort): Port {
  const dimensions = shape?.map((dimension) => {
    if (typeof dimension !== "number") return { min: dimension[0], max: dimension[1] };
    return dimension < 0 ? { min: 0, max: Infinity } : { min: dimension, max: dimension };
  });
  return { names, dtype, shape: dimensions };
}

function checkInput({ names: [name], dtype, shape }: Port, tensor: Tensor): void {
  const isShapeRight = shape === undefined ||
    (shape.length === tensor.shape.length && shape.every(({ min, max }, axis) => {
      const size = tensor.shape[axis] as number;
      return size >= min && size <= max;
    }));
  if (tensor.dtype === dtype && isShapeRight) return;
  throw new ServingError(
    CODE.INVALID_ARGUMENT,
    `Cannot set the input ${name}: it is ${dtype} of another shape than ${tensor.dtype} (${tensor.shape})`,
  );
}

function compute(
  { compute: how = "identity", value = 0 }: FakeModelFile,
  port: Port,
  input: Tensor | undefined,
): Tensor {
  const shape = outputShape(port.shape, input?.shape ?? []);
  const count = elementCount(shape);
  if (port.dtype === "string") {
    const text = new TextEncoder().encode(String(value));
    const strings = how === "identity" && input?.dtype === "string" ? input.strings.map((bytes) => bytes.slice()) : [];
    return { dtype: "string", shape, strings: strings.length > 0 ? strings : Array(count).fill(text) };
  }
  const bytes = new Uint8Array(count * DTYPE_BYTES[port.dtype]);
  if (how === "constant") {
    const element = new Uint8Array(DTYPE_BYTES[port.dtype]);
    writeNumber(new DataView(element.buffer), port.dtype, { offset: 0, value });
    for (let i = 0; i < count; i++) bytes.set(element, i * element.byteLength);
    return { dtype: port.dtype, shape, bytes };
  }
  assert(input !== undefined && input.dtype === port.dtype, "A fake output is computed from an input of its dtype");
  bytes.set(input.bytes);
  if (how === "add") {
    const view = new DataView(bytes.buffer);
    for (let offset = 0; offset < bytes.byteLength; offset += DTYPE_BYTES[port.dtype]) {
      writeNumber(view, port.dtype, { offset, value: readNumber(view, port.dtype, offset) + value });
    }
  }
  return { dtype: port.dtype, shape, bytes };
}

/** The input's shape, but the output's own where it is fixed. */
function outputShape(shape: PartialShape, inputShape: readonly number[]): readonly number[] {
  if (shape === undefined) return inputShape;
  return shape.map(({ min, max }, axis) => min === max ? min : inputShape[axis] ?? min);
}

function readNumber(view: DataView, dtype: NumericDType, offset: number): number {
  switch (dtype) {
    case "f32":
      return view.getFloat32(offset, true);
    case "f64":
      return view.getFloat64(offset, true);
    case "i32":
      return view.getInt32(offset, true);
    case "i64":
      return Number(view.getBigInt64(offset, true));
    case "u8":
      return view.getUint8(offset);
    default:
      throw new Error(`A fake model cannot compute with ${dtype}. This is a bug`);
  }
}

function writeNumber(
  view: DataView,
  dtype: NumericDType,
  { offset, value }: { offset: number; value: number },
): void {
  switch (dtype) {
    case "f32":
      return view.setFloat32(offset, value, true);
    case "f64":
      return view.setFloat64(offset, value, true);
    case "i32":
      return view.setInt32(offset, value, true);
    case "i64":
      return view.setBigInt64(offset, BigInt(value), true);
    case "u8":
      return view.setUint8(offset, value);
    default:
      throw new Error(`A fake model cannot compute with ${dtype}. This is a bug`);
  }
}
