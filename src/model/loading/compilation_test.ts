import assert from "node:assert/strict";
import type { TensorSpec } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import type { CompiledModel, CompileOptions, InferRequest, Model } from "../../engine/engine.ts";
import { FakeEngine, type FakeEngineOptions, type FakeModelFile } from "../../engine/testing/fake_engine.ts";
import { type Compilation, type CompilationOptions, compileMeasured } from "./compilation.ts";
import type { Clocks } from "./measurement.ts";
import { servingError, VersionFolder } from "../testing/loading.ts";

const MODEL: FakeModelFile = {
  inputs: [{ names: ["x"], dtype: "f32", shape: [1, 4] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [1, 4] }],
};

const OPTIONS: CompilationOptions = {
  device: "CPU",
  properties: new Map(),
  cacheDir: undefined,
  inferRequestCount: undefined,
  modelBytes: 1000,
};

/** Clocks on which a test sets the times of inferences, off the loop and in it. */
class SlowClocks implements Clocks {
  #wallUs = 0;
  #processorUs = 0;
  readonly #cost: Cost;

  constructor(cost: Cost) {
    this.#cost = cost;
  }

  wallUs = (): number => this.#wallUs;
  processorUs = (): number => this.#processorUs;

  /** Returns the model with inferences timed by these clocks. */
  time(model: Model): Model {
    const { pass } = this;
    const timeCompiled = (compiled: CompiledModel): CompiledModel => ({
      inputs: compiled.inputs,
      outputs: compiled.outputs,
      inferRequestsOptimal: compiled.inferRequestsOptimal,
      readProperty: (name) => compiled.readProperty(name),
      createInferRequest: () => timeRequest(compiled.createInferRequest()),
      [Symbol.dispose]: () => compiled[Symbol.dispose](),
      [Symbol.asyncDispose]: () => compiled[Symbol.asyncDispose](),
    });
    const timeRequest = (request: InferRequest): InferRequest => ({
      infer: (inputs) => {
        pass("in");
        return request.infer?.(inputs) ?? [];
      },
      inferAsync: (inputs) => {
        pass("off");
        return request.inferAsync(inputs);
      },
      [Symbol.dispose]: () => request[Symbol.dispose](),
    });
    return changed(model, { compile: async (options) => timeCompiled(await model.compile(options)) });
  }

  readonly pass = (where: "in" | "off"): void => {
    const [wallUs, processorUs] = this.#cost(where);
    this.#wallUs += wallUs;
    this.#processorUs += processorUs;
  };
}

/** The time of the next inference, off the loop or in it: microseconds of wall time and of CPU time. */
type Cost = (where: "in" | "off") => readonly [wallUs: number, processorUs: number];

/** Slower than any fast model. */
const SLOW: Cost = () => [25_000, 25_000];

function changed(model: Model, changes: Partial<Model>): Model {
  return {
    inputs: model.inputs,
    outputs: model.outputs,
    findPort: (name, direction) => model.findPort(name, direction),
    reshape: (shapes) => model.reshape(shapes),
    compile: (options) => model.compile(options),
    [Symbol.dispose]: () => model[Symbol.dispose](),
    ...changes,
  };
}

interface Outcome {
  readonly compilation: Omit<Compilation, "compiled">;
  /** The properties of each compilation, in order. */
  readonly properties: Record<string, string>[];
}

async function compile(
  options: Partial<CompilationOptions>,
  { engine: engineOptions = {}, model = MODEL, cost, change = (read) => read }: {
    engine?: FakeEngineOptions;
    model?: FakeModelFile;
    cost?: Cost;
    change?: (model: Model) => Model;
  } = {},
): Promise<Outcome> {
  using folder = new VersionFolder();
  const engine = new FakeEngine(engineOptions);
  {
    using read = await engine.read(folder.writeModel(model).path);
    const inputs = read.inputs.map(({ names: [name = ""], dtype, shape }): TensorSpec => {
      return { name, tensorName: name, dtype, shape };
    });
    try {
      const clocks = cost && new SlowClocks(cost);
      const { compiled, ...compilation } = await compileMeasured(clocks?.time(read) ?? change(read), inputs, {
        ...OPTIONS,
        ...options,
        ...(clocks && { clocks }),
      });
      compiled[Symbol.dispose]();
      const properties = engine.compilations.map(({ properties }) => Object.fromEntries(properties ?? []));
      return { compilation, properties };
    } finally {
      assert.deepEqual({ ...engine.live, models: 0 }, { models: 0, compiledModels: 0, inferRequests: 0 });
    }
  }
}

const ONE_THREAD = { PERFORMANCE_HINT: "LATENCY", INFERENCE_NUM_THREADS: "1" };
const ALL_CORES = { PERFORMANCE_HINT: "THROUGHPUT" };

Deno.test("a fast model is compiled once, for one thread, and inferred in the loop", async () => {
  const { compilation, properties } = await compile({});
  assert.deepEqual(properties, [ONE_THREAD]);
  assert.ok(compilation.inferenceUs !== undefined);
  assert.ok(compilation.inLoopBytesMax >= 16);
});

Deno.test("a slow model is compiled again, for all cores, and inferred off the loop", async () => {
  const { compilation, properties } = await compile({}, { cost: SLOW });
  assert.deepEqual(properties, [ONE_THREAD, ALL_CORES]);
  assert.equal(compilation.inferenceUs, 25_000);
  assert.equal(compilation.inLoopBytesMax, 0);
});

Deno.test("a fast model of an engine that cannot infer in the loop is compiled for all cores", async () => {
  for (const modelBytes of [1000, 8 * 1024 * 1024]) {
    const engine = { lacks: ["infers in the loop"] } as const;
    const { compilation, properties } = await compile({ modelBytes }, { engine });
    assert.deepEqual(properties.at(-1), ALL_CORES);
    assert.ok(compilation.inferenceUs !== undefined);
    assert.equal(compilation.inLoopBytesMax, 0);
  }
});

Deno.test("a fast model is inferred in the loop, however busy the machine is", async () => {
  // A thread waits for a processor, and is interrupted now and then.
  let rounds = 0;
  const busy: Cost = (where) => {
    rounds++;
    if (where === "off") return [rounds === 1 ? 400_000 : 60_000, rounds === 1 ? 4000 : 90];
    return [rounds % 7 === 0 ? 31 : 12_000, 30];
  };
  const { compilation, properties } = await compile({}, { cost: busy });
  assert.deepEqual(properties, [ONE_THREAD]);
  assert.equal(compilation.inferenceUs, 31);
  assert.ok(compilation.inLoopBytesMax > 16);
});

Deno.test("a model that blocks the loop is slow, even if it takes little CPU time", async () => {
  const { compilation, properties } = await compile({}, { cost: () => [25_000, 20] });
  assert.deepEqual(properties, [ONE_THREAD, ALL_CORES]);
  assert.equal(compilation.inferenceUs, 25_000);
  assert.equal(compilation.inLoopBytesMax, 0);
});

Deno.test("a model that becomes fast after a while is inferred in the loop", async () => {
  let rounds = 0;
  const cost: Cost = () => {
    const us = Math.max(40, 380 - 10 * rounds++);
    return [us, us];
  };
  assert.equal((await compile({}, { cost })).compilation.inferenceUs, 40);
});

Deno.test("a model that stays slow is tried in the loop a few times only, and a very slow one never", async () => {
  const countInLoop = async (us: number): Promise<number> => {
    let count = 0;
    const cost: Cost = (where) => {
      if (where === "in") count++;
      return [us, us];
    };
    await compile({}, { cost });
    return count;
  };
  assert.equal(await countInLoop(300), 100);
  assert.equal(await countInLoop(900), 10);
  assert.equal(await countInLoop(4000), 3);
  assert.equal(await countInLoop(6000), 0);
});

Deno.test("the report has the engine's own terms for how it spreads the work", async () => {
  const properties = new Map([["NUM_STREAMS", "2"], ["INFERENCE_NUM_THREADS", "4"], ["ENABLE_CPU_PINNING", "YES"]]);
  const { compilation } = await compile({ properties });
  assert.deepEqual(compilation.spreading, { hint: undefined, streams: 2, threads: 4, isPinned: true });
});

Deno.test("a large model is compiled for all cores at once, and for one thread when it proves fast", async () => {
  const modelBytes = 8 * 1024 * 1024;
  assert.deepEqual((await compile({ modelBytes }, { cost: SLOW })).properties, [ALL_CORES]);
  assert.deepEqual((await compile({ modelBytes })).properties, [ALL_CORES, ONE_THREAD]);
});

Deno.test("a model that cannot be measured is compiled for all cores", async () => {
  for (
    const model of [
      { ...MODEL, failInfer: "no zeros" },
      { ...MODEL, inputs: [{ names: ["x"], dtype: "f32" }] },
      { ...MODEL, inputs: [{ names: ["x"], dtype: "f32", shape: [1 << 20, 1 << 10] }] },
    ] as const
  ) {
    const { compilation, properties } = await compile({}, { model });
    assert.deepEqual(properties, [ONE_THREAD, ALL_CORES]);
    assert.equal(compilation.inferenceUs, undefined);
    assert.equal(compilation.inLoopBytesMax, 0);
  }
});

Deno.test("the user's hints, streams and threads are kept", async () => {
  for (const name of ["PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS"]) {
    const { properties } = await compile({ properties: new Map([[name, "2"]]) }, { cost: SLOW });
    assert.deepEqual(properties, [{ [name]: "2" }]);
  }
  const { properties } = await compile({ properties: new Map([["ENABLE_CPU_PINNING", "YES"]]) });
  assert.deepEqual(properties, [{ ...ONE_THREAD, ENABLE_CPU_PINNING: "YES" }]);
});

Deno.test("models on other devices are inferred off the loop", async () => {
  const { compilation, properties } = await compile({ device: "GPU" }, { engine: { devices: ["CPU", "GPU"] } });
  assert.deepEqual(properties, [ALL_CORES]);
  assert.equal(compilation.inferenceUs, undefined);
  assert.equal(compilation.inLoopBytesMax, 0);
});

Deno.test("the number of infer requests is a hint for the division of cores", async () => {
  const { properties } = await compile({ inferRequestCount: 3 }, { cost: SLOW });
  assert.deepEqual(properties, [ONE_THREAD, { ...ALL_CORES, PERFORMANCE_HINT_NUM_REQUESTS: "3" }]);
});

Deno.test("the cache's folder is a property, and the user's own takes precedence", async () => {
  const cached = await compile({ cacheDir: "/cache" });
  assert.deepEqual(cached.properties, [{ ...ONE_THREAD, CACHE_DIR: "/cache" }]);
  const own = await compile({ cacheDir: "/cache", properties: new Map([["CACHE_DIR", "/own"]]) });
  assert.deepEqual(own.properties, [{ ...ONE_THREAD, CACHE_DIR: "/own" }]);
});

Deno.test("a cache that cannot be used is left out, with a note", async () => {
  const change = (model: Model): Model =>
    changed(model, {
      compile: (options: CompileOptions) => {
        if (!options.properties?.has("CACHE_DIR")) return model.compile(options);
        return Promise.reject(new ServingError(CODE.INTERNAL, "Cannot compile the model: no space"));
      },
    });
  const { compilation, properties } = await compile({ cacheDir: "/cache" }, { change });
  assert.deepEqual(properties, [ONE_THREAD]);
  assert.deepEqual(compilation.notes, ["Compiled without the cache in /cache: Cannot compile the model: no space"]);
});

Deno.test("the engine's errors are thrown, with or without a cache", async () => {
  const expected = servingError(CODE.INVALID_ARGUMENT, /this machine has CPU$/);
  await assert.rejects(() => compile({ device: "NPU" }), expected);
  await assert.rejects(() => compile({ device: "NPU", cacheDir: "/cache" }), expected);
  const unknown = servingError(CODE.INVALID_ARGUMENT, /Unsupported property NO_SUCH/);
  await assert.rejects(() => compile({ properties: new Map([["NO_SUCH", "1"]]) }), unknown);
});
