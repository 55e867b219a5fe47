/**
 * An engine in memory, for tests: its models are small JSON files, its failures and delays are set, its objects counted, and it
 * may lack any of the optional capabilities.
 *
 * @module
 */
import type { PartialShape } from "../../base/signature.ts";
import { assert, CODE, ServingError } from "../../base/status.ts";
import type { Tensor } from "../../base/tensor.ts";
import type {
  CompiledModel,
  CompileOptions,
  Direction,
  Engine,
  InferRequest,
  Model,
  Port,
  SharedModel,
} from "../engine.ts";
import { CAPABILITIES, type Capability } from "./engine_rig.ts";
import { compute, type FakeModelFile, type FakePort } from "./fake_model.ts";

export type { FakeModelFile, FakePort };

/** How many objects of each kind a {@link FakeEngine} has made that are not disposed. */
export interface LiveCounts {
  models: number;
  compiledModels: number;
  inferRequests: number;
}

/** How a {@link FakeEngine} differs from the simplest. */
export interface FakeEngineOptions {
  /** The optional capabilities it lacks; none by default. Its users dispose all objects even if that frees nothing. */
  readonly lacks?: readonly Capability[];
  readonly devices?: readonly string[];
  readonly inferRequestsOptimal?: number;
  /** Awaited before a read, a compilation or an asynchronous inference goes on: return a promise that the test settles. */
  readonly gate?: (stage: "read" | "compile" | "infer", path: string) => Promise<void> | void;
}

/** The properties that a fake device accepts, with any value. */
const PROPERTIES: readonly string[] = [
  "CACHE_DIR",
  "ENABLE_CPU_PINNING",
  "INFERENCE_NUM_THREADS",
  "INFERENCE_PRECISION_HINT",
  "NUM_STREAMS",
  "PERFORMANCE_HINT",
  "PERFORMANCE_HINT_NUM_REQUESTS",
];
/** Overwrites the outputs of the last inference, so that a test notices a late reader. */
const STALE_BYTE = 0xee;

/** An engine whose models are files of {@link FakeModelFile}. */
export class FakeEngine implements Engine {
  readonly description = "fake engine";
  readonly devices: readonly string[];
  readonly extensions = [];
  /** Zero of everything once a test has cleaned up. */
  readonly live: LiveCounts = { models: 0, compiledModels: 0, inferRequests: 0 };
  readonly options: FakeEngineOptions;
  /** The options of each compilation, in order. */
  readonly compilations: CompileOptions[] = [];
  readonly attach?: (shared: SharedModel) => CompiledModel;

  constructor(options: FakeEngineOptions = {}) {
    this.options = options;
    this.devices = options.devices ?? ["CPU"];
    if (this.has("shares models")) this.attach = attachFake(this);
  }

  /** Whether it has an optional capability. */
  has(capability: Capability): boolean {
    return this.options.lacks?.includes(capability) !== true;
  }

  async read(path: string): Promise<Model> {
    await this.options.gate?.("read", path);
    const file = await readFile(path);
    if (file.failRead !== undefined) throw readError(file.failRead);
    return new FakeModel(this, path, file);
  }

  [Symbol.dispose](): void {}
}

/** Registers a test twice: for a fake engine with all optional capabilities, and for one that lacks them all. */
export function testEachEngine(name: string, body: (lacks: readonly Capability[]) => Promise<void>): void {
  Deno.test(name, () => body([]));
  Deno.test(`${name}, without optional capabilities`, () => body(CAPABILITIES));
}

/** Compiled models that were shared and live. A handle is valid in any engine of the process, as an address is. */
const sharedModels = new Map<bigint, { path: string; compiled: Compiled }>();
let lastHandle = 0n;

function attachFake(engine: FakeEngine): (shared: SharedModel) => CompiledModel {
  return ({ handle }) => {
    const shared = sharedModels.get(handle);
    assert(shared !== undefined, "A compiled model was attached after its owner disposed it");
    return new FakeCompiledModel(engine, shared.path, shared.compiled);
  };
}

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
    const { properties = new Map() } = options;
    const compiled = { file: this.#file, inputs: this.#inputs, outputs: this.#outputs, properties };
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
  readonly properties: ReadonlyMap<string, string>;
}

class FakeCompiledModel implements CompiledModel {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly inferRequestsOptimal: number;
  readonly #engine: FakeEngine;
  readonly #path: string;
  readonly #compiled: Compiled;
  readonly #life: Life;
  readonly share?: () => SharedModel;
  #handle: bigint | undefined;

  constructor(engine: FakeEngine, path: string, compiled: Compiled) {
    this.#engine = engine;
    this.#path = path;
    this.#compiled = compiled;
    this.inputs = compiled.inputs;
    this.outputs = compiled.outputs;
    this.inferRequestsOptimal = engine.options.inferRequestsOptimal ?? 1;
    this.#life = new Life(engine.live, "compiledModels");
    if (engine.has("shares models")) this.share = () => this.#share();
  }

  /** What it was compiled with. */
  readProperty(name: string): string | undefined {
    return this.#compiled.properties.get(name);
  }

  createInferRequest(): InferRequest {
    this.#life.check("compiled model");
    return new FakeInferRequest(this.#engine, this.#path, this.#compiled);
  }

  #share(): SharedModel {
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

  [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    return Promise.resolve();
  }
}

class FakeInferRequest implements InferRequest {
  readonly #engine: FakeEngine;
  readonly #path: string;
  readonly #compiled: Compiled;
  readonly #life: Life;
  readonly infer?: (inputs: readonly Tensor[]) => readonly Tensor[];
  #isInferring = false;
  #outputs: readonly Tensor[] = [];

  constructor(engine: FakeEngine, path: string, compiled: Compiled) {
    this.#engine = engine;
    this.#path = path;
    this.#compiled = compiled;
    this.#life = new Life(engine.live, "inferRequests");
    if (engine.has("infers in the loop")) this.infer = (inputs) => this.#infer(inputs);
  }

  #infer(inputs: readonly Tensor[]): readonly Tensor[] {
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
    return this.#infer(inputs);
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
