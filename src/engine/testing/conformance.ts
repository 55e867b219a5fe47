/**
 * The conformance suite of engines: tests over the port alone, for any engine that can be opened and can have a model of its own
 * format written.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CODE } from "../../base/status.ts";
import { type DType, DTYPE_BYTES, type NumericDType, type Tensor } from "../../base/tensor.ts";
import type { InferRequest, SharedModel } from "../engine.ts";
import type { FakeModelFile } from "./fake_model.ts";
import {
  type Capability,
  type EngineUnderTest,
  floats,
  floatsOf,
  identity,
  increment,
  infer,
  Rig,
  sample,
  servingError,
} from "./engine_rig.ts";

const DTYPES: readonly DType[] = [...Object.keys(DTYPE_BYTES) as NumericDType[], "string"];

function one(outputs: readonly Tensor[]): Tensor {
  assert.equal(outputs.length, 1);
  return outputs[0] as Tensor;
}

/** Registers the tests for one engine, without those of capabilities that it lacks. */
export function testEngine(engineUnderTest: EngineUnderTest): void {
  const { lacks = [] } = engineUnderTest;

  function test(name: string, body: (rig: Rig) => Promise<void>, needs?: Capability): void {
    if (needs !== undefined && lacks.includes(needs)) return;
    const { skipped } = engineUnderTest;
    const title = `${engineUnderTest.name}: ${name}`;
    Deno.test({
      name: skipped === undefined ? title : `${title} (skipped: ${skipped})`,
      ignore: skipped !== undefined,
      fn: async () => {
        using rig = new Rig(engineUnderTest);
        await body(rig);
      },
    });
  }

  /** A test with an infer request of one model. */
  function testInfer(name: string, model: FakeModelFile, body: (request: InferRequest) => Promise<void> | void): void {
    test(name, async (rig) => {
      using compiled = await rig.compile(model);
      using request = compiled.createInferRequest();
      await body(request);
    });
  }

  test("has the optional capabilities that it is said to have, and no others", async (rig) => {
    using compiled = await rig.compile(increment([1]));
    using request = compiled.createInferRequest();
    assert.equal(request.infer !== undefined, !lacks.includes("infers in the loop"));
    assert.equal(compiled.share !== undefined, !lacks.includes("shares models"));
    assert.equal(rig.engine.attach !== undefined, !lacks.includes("shares models"));
  });

  test("has a description and a CPU", (rig) => {
    assert.notEqual(rig.engine.description, "");
    assert.ok(rig.engine.devices.includes("CPU"));
    return Promise.resolve();
  });

  test("a model has the names, dtypes and partial shapes of its ports, compiled or not", async (rig) => {
    const shape = [-1, 3, [2, 5]] as const;
    const file: FakeModelFile = {
      compute: "add",
      value: 1,
      inputs: [{ names: ["a", "a:0"], dtype: "f32", shape }, { names: ["c"], dtype: "f32", shape: [] }],
      outputs: [{ names: ["p", "p:0"], dtype: "f32", shape }, { names: ["r"], dtype: "f32", shape: [] }],
    };
    using model = await rig.engine.read(rig.write(file));
    assert.deepEqual(["a", "a:0", "c", "p", ""].map((name) => model.findPort(name, "input") ?? -1), [0, 0, 1, -1, -1]);
    assert.deepEqual(["p:0", "r", "c"].map((name) => model.findPort(name, "output") ?? -1), [0, 1, -1]);
    using compiled = await model.compile({ device: "CPU" });
    for (const { inputs, outputs } of [model, compiled]) {
      assert.deepEqual(inputs.map(({ names }) => names), [["a", "a:0"], ["c"]]);
      assert.deepEqual(outputs.map(({ names }) => names), [["p", "p:0"], ["r"]]);
      for (const ports of [inputs, outputs]) {
        assert.deepEqual(ports.map(({ dtype }) => dtype), ["f32", "f32"]);
        assert.deepEqual(ports[0]?.shape, [{ min: 0, max: Infinity }, { min: 3, max: 3 }, { min: 2, max: 5 }]);
        assert.deepEqual(ports[1]?.shape, []);
      }
    }
    assert.ok(compiled.inferRequestsOptimal >= 1);
  });

  test("returns the properties of a compiled model, and undefined for one it does not have", async (rig) => {
    using model = await rig.engine.read(rig.write(increment([2])));
    using compiled = await model.compile({ device: "CPU", properties: new Map([["PERFORMANCE_HINT", "LATENCY"]]) });
    assert.equal(compiled.readProperty("PERFORMANCE_HINT"), "LATENCY");
    assert.equal(compiled.readProperty("NO_SUCH_PROPERTY"), undefined);
  });

  test("a shape of any rank is undefined until reshape() gives one", async (rig) => {
    using model = await rig.engine.read(rig.write(increment()));
    assert.equal(model.inputs[0]?.shape, undefined);
    assert.equal(model.outputs[0]?.shape, undefined);
    const shape = [{ min: 1, max: 4 }];
    model.reshape(new Map([["x", shape]]));
    assert.deepEqual(model.inputs[0]?.shape, shape);
    assert.deepEqual(model.outputs[0]?.shape, shape);
  });

  for (const dtype of DTYPES) {
    test(`passes ${dtype} through: matrices, scalars and empty tensors`, async (rig) => {
      for (const shape of [[2, 3], [], [0], [2, 0, 3], [1]]) {
        using fixed = await rig.compile(identity(dtype, shape));
        using open = await rig.compile(identity(dtype, shape.map(() => -1)));
        for (const compiled of [fixed, open]) {
          assert.equal(compiled.inputs[0]?.dtype, dtype);
          using request = compiled.createInferRequest();
          const input = sample(dtype, shape);
          assert.deepEqual(plain(one(await infer(request, [input]))), input);
          assert.deepEqual(plain(one(await request.inferAsync([input]))), input);
        }
      }
    });
  }

  testInfer(
    "strings keep zero bytes, bytes that are not UTF-8, and emptiness",
    identity("string", [-1]),
    async (request) => {
      const strings = [
        Uint8Array.of(0, 1, 0, 255, 254),
        new Uint8Array(0),
        new TextEncoder().encode("longer than what C++ keeps inside a string, with a \0 zero"),
        new TextEncoder().encode("fifteen bytes!!"),
        new TextEncoder().encode("sixteen bytes !!"),
      ];
      for (const some of [strings, strings.slice(0, 1), strings.toReversed()]) {
        const input: Tensor = { dtype: "string", shape: [some.length], strings: some };
        assert.deepEqual(await infer(request, [input]), [input]);
      }
    },
  );

  testInfer("repeated inferences on the same shape see the new values", increment([1, 2]), async (request) => {
    for (let i = 0; i < 1000; i++) {
      assert.deepEqual(floatsOf(one(await infer(request, [floats([i, -i], [1, 2])]))), [i + 1, -i + 1]);
    }
  });

  testInfer("shapes may change between inferences", increment([-1, 2]), async (request) => {
    for (const rows of [1, 3, 1, 0, 2, 9000, 1, 9000, 3, 20_000, 0, 1]) {
      const values = Array.from({ length: rows * 2 }, (_, i) => i);
      const input = floats(values, [rows, 2]);
      const expected = values.map((value) => value + 1);
      const output = one(rows % 2 === 0 ? await infer(request, [input]) : await request.inferAsync([input]));
      assert.deepEqual(output.shape, [rows, 2]);
      assert.deepEqual(floatsOf(output), expected);
    }
  });

  testInfer("the memory of an input may have any alignment", increment([-1]), async (request) => {
    for (const count of [3, 10_000]) {
      const values = Array.from({ length: count }, (_, i) => i);
      for (const offset of [0, 1, 2, 3, 4, 7]) {
        const output = one(await infer(request, [floats(values, [count], offset)]));
        assert.deepEqual(floatsOf(output), values.map((value) => value + 1));
      }
    }
  });

  for (const [what, model] of [["computes", increment([-1])], ["passes through", identity("f32", [-1])]] as const) {
    testInfer(
      `outputs of a model that ${what} its inputs stay valid when the caller reuses them`,
      model,
      async (request) => {
        for (const count of [3, 10_000]) {
          const input = floats(Array(count).fill(5));
          const output = one(await infer(request, [input]));
          const before = floatsOf(output);
          if (input.dtype !== "string") input.bytes.fill(0);
          assert.deepEqual(floatsOf(output), before);
        }
      },
    );
  }

  const twoByTwo: FakeModelFile = {
    compute: "add",
    value: 10,
    inputs: [{ names: ["b"], dtype: "f32", shape: [-1] }, { names: ["a"], dtype: "f32", shape: [2] }],
    outputs: [{ names: ["y"], dtype: "f32", shape: [-1] }, { names: ["x"], dtype: "f32", shape: [2] }],
  };
  testInfer("inputs and outputs come in port order", twoByTwo, async (request) => {
    for (let i = 0; i < 3; i++) {
      const outputs = await infer(request, [floats([i]), floats([3, 4])]);
      assert.deepEqual(outputs.map(floatsOf), [[10 + i], [13, 14]]);
    }
  });

  testInfer("a request that refused an input still infers", increment([1, 2]), async (request) => {
    const good = floats([1, 2], [1, 2]);
    const refused = servingError(CODE.INVALID_ARGUMENT, /Cannot set the input x: /);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(floatsOf(one(await infer(request, [good]))), [2, 3]);
      await assert.rejects(infer(request, [floats([1, 2, 3, 4], [2, 2])]), refused);
      await assert.rejects(infer(request, [floats(Array(10_000).fill(0), [1, 10_000])]), refused);
      await assert.rejects(infer(request, [sample("f64", [1, 2])]), refused);
      await assert.rejects(infer(request, [sample("i32", [1, 2])]), refused);
      assert.deepEqual(floatsOf(one(await infer(request, [good]))), [2, 3]);
    }
  });

  test("several requests infer at the same time without interfering", async (rig) => {
    using compiled = await rig.compile(increment([-1]));
    using requests = new DisposableStack();
    const answers = await Promise.all(Array.from({ length: 8 }, async (_, i) => {
      const request = requests.use(compiled.createInferRequest());
      const sums: number[] = [];
      for (let round = 0; round < 20; round++) {
        const outputs = await request.inferAsync([floats(Array(i % 2 === 0 ? 2 : 6000).fill(i * 100 + round))]);
        sums.push(floatsOf(outputs[0])[1] ?? NaN);
      }
      return sums;
    }));
    answers.forEach((sums, i) => assert.deepEqual(sums, Array.from({ length: 20 }, (_, round) => i * 100 + round + 1)));
  });

  test("a shared model infers in another engine, and stays its owner's", async (rig) => {
    using compiled = await rig.compile(increment([-1]));
    using other = engineUnderTest.open();
    for (const dispose of [Symbol.dispose, Symbol.asyncDispose] as const) {
      const attached = other.attach?.(structuredClone(compiled.share?.()) as SharedModel);
      assert.ok(attached !== undefined);
      assert.deepEqual(attached.inputs, compiled.inputs);
      assert.equal(attached.inferRequestsOptimal, compiled.inferRequestsOptimal);
      {
        using request = attached.createInferRequest();
        assert.deepEqual(floatsOf(one(await infer(request, [floats([1, 2])]))), [2, 3]);
        assert.deepEqual(floatsOf(one(await request.inferAsync([floats([3])]))), [4]);
      }
      await attached[dispose]();
      using request = compiled.createInferRequest();
      assert.deepEqual(floatsOf(one(await infer(request, [floats([5])]))), [6], "what was attached frees nothing");
    }
  }, "shares models");

  test("an infer request that is used twice at once fails", async (rig) => {
    using compiled = await rig.compile(increment([1]));
    using request = compiled.createInferRequest();
    const first = request.inferAsync([floats([1])]);
    await assert.rejects(infer(request, [floats([2])]), /twice at once/);
    assert.deepEqual(floatsOf(one(await first)), [2]);
  });

  test("reshape() changes inputs and outputs, by any name of an input", async (rig) => {
    const file = increment([-1, 2]);
    const input = { ...file.inputs[0], names: ["x", "x_too"], dtype: "f32" as const };
    using model = await rig.engine.read(rig.write({ ...file, inputs: [input] }));
    model.reshape(new Map([["x_too", [{ min: 4, max: 4 }, { min: 2, max: 2 }]]]));
    const fixed = [{ min: 4, max: 4 }, { min: 2, max: 2 }];
    assert.deepEqual(model.inputs[0]?.shape, fixed);
    assert.deepEqual(model.inputs[0]?.names, ["x", "x_too"]);
    assert.deepEqual(model.outputs[0]?.shape, fixed);
    model.reshape(new Map([["x", [{ min: 1, max: 8 }, { min: 2, max: Infinity }]]]));
    assert.deepEqual(model.inputs[0]?.shape, [{ min: 1, max: 8 }, { min: 2, max: Infinity }]);
    using compiled = await model.compile({ device: "CPU" });
    using request = compiled.createInferRequest();
    assert.deepEqual(one(await infer(request, [floats(Array(9).fill(0), [3, 3])])).shape, [3, 3]);
  });

  test("reshape() refuses an unknown input", async (rig) => {
    using model = await rig.engine.read(rig.write(increment([2])));
    const expected = servingError(CODE.INVALID_ARGUMENT, /Cannot reshape the model: it has no input nowhere/);
    assert.throws(() => model.reshape(new Map([["nowhere", []]])), expected);
  });

  test("read() refuses a file that is not a model, with the reason of that very file", async (rig) => {
    const path = rig.write(increment([1]));
    const missing = path.replace(/(\.\w+)$/, "_missing$1");
    const broken = path.replace(/(\.\w+)$/, "_broken$1");
    await Deno.writeTextFile(broken, "not a model");
    const results = await Promise.allSettled([missing, broken, path, missing].map((each) => rig.engine.read(each)));
    const reasons = results.map((result) => result.status === "rejected" ? result.reason : undefined);
    const isRefused = servingError(CODE.INVALID_ARGUMENT, /^Cannot read the model: [^]*\w$|"$/);
    for (const i of [0, 1, 3]) isRefused(reasons[i]);
    assert.equal(reasons[0].message, reasons[3].message);
    assert.notEqual(reasons[0].message, reasons[1].message);
    const read = results[2];
    assert.ok(read?.status === "fulfilled");
    read.value[Symbol.dispose]();
  });

  test("compile() refuses an unknown device and lists those of the machine", async (rig) => {
    using model = await rig.engine.read(rig.write(increment([1])));
    const expected = servingError(CODE.INVALID_ARGUMENT, /the device XPU: this machine has .*CPU/);
    await assert.rejects(model.compile({ device: "XPU" }), expected);
  });

  test("compile() refuses an unknown property by name", async (rig) => {
    using model = await rig.engine.read(rig.write(increment([1])));
    const properties = new Map([["NO_SUCH_PROPERTY", "1"]]);
    const expected = servingError(CODE.INVALID_ARGUMENT, /Cannot compile the model: .*NO_SUCH_PROPERTY/);
    await assert.rejects(model.compile({ device: "CPU", properties }), expected);
  });

  test("a compiled model that is disposed asynchronously cannot be used afterwards", async (rig) => {
    const compiled = await rig.compile(increment([1]));
    await compiled[Symbol.asyncDispose]();
    await compiled[Symbol.asyncDispose]();
    compiled[Symbol.dispose]();
    assert.throws(() => compiled.createInferRequest(), /The compiled model was used after it was disposed/);
  });

  test("every object may be disposed twice and cannot be used afterwards", async (rig) => {
    const model = await rig.engine.read(rig.write(increment([1])));
    const compiled = await model.compile({ device: "CPU" });
    const request = compiled.createInferRequest();
    for (const object of [request, compiled, model]) {
      object[Symbol.dispose]();
      object[Symbol.dispose]();
    }
    await assert.rejects(infer(request, [floats([1])]), /The infer request was used after it was disposed/);
    await assert.rejects(request.inferAsync([floats([1])]), /The infer request was used after it was disposed/);
    assert.throws(() => compiled.createInferRequest(), /The compiled model was used after it was disposed/);
    await assert.rejects(model.compile({ device: "CPU" }), /The model was used after it was disposed/);
    assert.throws(() => model.reshape(new Map()), /The model was used after it was disposed/);
  });

  testInfer("memory stays flat over 20,000 inferences of changing shapes", increment([-1, 2]), async (request) => {
    const inputs = [1, 2, 3, 9000].map((rows) => floats(Array(rows * 2).fill(1), [rows, 2]));
    const growthMb = await leastGrowthMb(async () => {
      for (let i = 0; i < 5000; i++) await infer(request, [inputs[i % inputs.length] as Tensor]);
    });
    assert.ok(growthMb < 16, `memory grew by ${growthMb.toFixed(1)} MB`);
  });

  test("memory stays flat over 60 models read, compiled and inferred", async (rig) => {
    const path = rig.write(increment([1, 2]));
    const growthMb = await leastGrowthMb(async () => {
      for (let i = 0; i < 15; i++) {
        using model = await rig.engine.read(path);
        using compiled = await model.compile({ device: "CPU" });
        using request = compiled.createInferRequest();
        await infer(request, [floats([1, 2], [1, 2])]);
      }
    });
    assert.ok(growthMb < 16, `memory grew by ${growthMb.toFixed(1)} MB`);
  }, "frees on disposal");
}

/** The least growth of the process in three rounds after a first: other tests may run at the same time, but a leak grows in every round. */
async function leastGrowthMb(run: () => Promise<void> | void): Promise<number> {
  let least = Infinity;
  await run();
  for (let round = 0; round < 3; round++) {
    const before = Deno.memoryUsage().rss;
    await run();
    least = Math.min(least, (Deno.memoryUsage().rss - before) / 2 ** 20);
  }
  return least;
}

/** A copy for comparison, in plain arrays. */
function plain(tensor: Tensor): Tensor {
  return tensor.dtype === "string" ? tensor : { ...tensor, shape: [...tensor.shape], bytes: tensor.bytes.slice() };
}
