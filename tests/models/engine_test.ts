/** The conformance suite, run for each engine, and tests of OpenVINO alone. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { CODE, ServingError } from "../../src/base/status.ts";
import { type DType, DTYPE_BYTES, type NumericDType, type Tensor } from "../../src/base/tensor.ts";
import type { CompiledModel } from "../../src/engine/engine.ts";
import { FakeEngine, type FakeModelFile, type FakePort } from "../../src/engine/testing/fake_engine.ts";
import { findRuntime } from "../../src/engine/openvino_ffi/runtime/discovery.ts";
import { FfiEngine } from "../../src/engine/openvino_ffi/engine.ts";
import { testEngine } from "../../src/engine/testing/conformance.ts";
import {
  CAPABILITIES,
  type EngineUnderTest,
  floats,
  floatsOf,
  increment,
  infer,
  Rig,
  sample,
  servingError,
} from "../../src/engine/testing/engine_rig.ts";

let files = 0;

const fake: EngineUnderTest = {
  name: "fake engine",
  open: () => new FakeEngine(),
  write: (folder, model) => {
    const path = join(folder, `${files++}.json`);
    Deno.writeTextFileSync(path, JSON.stringify(model));
    return path;
  },
};

const basicFake: EngineUnderTest = {
  ...fake,
  name: "fake engine without optional capabilities",
  lacks: CAPABILITIES,
  open: () => new FakeEngine({ lacks: CAPABILITIES }),
};

const ffi: EngineUnderTest = {
  name: "OpenVINO",
  skipped: runtimeOrReason().reason,
  open: () => new FfiEngine(runtimeOrReason().path ?? ""),
  write: (folder, model) => writeIr(folder, toIr(model)),
};

testEngine(fake);
testEngine(basicFake);
testEngine(ffi);

/** A test of behaviour that is OpenVINO's own, beyond the port. */
function testOpenVino(name: string, body: (rig: Rig) => Promise<void>): void {
  Deno.test({
    name: `OpenVINO: ${name}${ffi.skipped === undefined ? "" : ` (skipped: ${ffi.skipped})`}`,
    ignore: ffi.skipped !== undefined,
    fn: async () => {
      using rig = new Rig(ffi);
      await body(rig);
    },
  });
}

for (const count of [-1, 4]) {
  testOpenVino(`an output whose shape depends on the data of an input of size ${count}`, async (rig) => {
    const path = writeIr(rig.folder, {
      layers: [
        parameter({ names: ["x"], dtype: "f32", shape: [count] }),
        {
          type: "NonZero",
          opset: "opset3",
          data: `output_type="i64"`,
          inputs: [0],
          output: { names: ["indices"], dtype: "i64", shape: [1, -1] },
        },
        { type: "Result", inputs: [1] },
      ],
    });
    using model = await rig.engine.read(path);
    using compiled = await model.compile({ device: "CPU" });
    using request = compiled.createInferRequest();
    for (const values of [[1, 0, 1, 1], [0, 0, 0, 0], [0, 0, 2, 0], [0, 0, 2, 0], [3, 0, 0, 0], [1, 2, 3, 4]]) {
      const expected = values.flatMap((value, i) => value === 0 ? [] : [BigInt(i)]);
      const input = [floats(values)];
      for (const [output] of [await infer(request, input), await request.inferAsync(input)]) {
        assert.ok(output?.dtype === "i64");
        assert.deepEqual(output.shape, [1, expected.length]);
        assert.deepEqual([...new BigInt64Array(output.bytes.slice().buffer)], expected);
      }
    }
  });
}

for (const dtype of Object.keys(DTYPE_BYTES) as NumericDType[]) {
  testOpenVino(`computes ${dtype} with any alignment of its memory`, async (rig) => {
    using compiled = await compileConcat(rig, dtype);
    using request = compiled.createInferRequest();
    for (const count of [2, 20_000]) {
      for (const offset of [0, 1, 2, 4]) {
        const first = moved(sample(dtype, [count]), offset);
        const second = moved(sample(dtype, [3]), offset);
        const [output] = await infer(request, [first, second]);
        assert.ok(output !== undefined && output.dtype !== "string" && first.dtype !== "string");
        assert.ok(second.dtype !== "string");
        assert.deepEqual(output.shape, [count + 3]);
        assert.ok(isSame(output.bytes, [...first.bytes, ...second.bytes]));
      }
    }
  });
}

for (const threads of ["1", "2"]) {
  testOpenVino(
    `rejects shapes that do not fit together with ${threads} thread, whatever was inferred before`,
    async (rig) => {
      const path = writeIr(rig.folder, {
        layers: [
          parameter({ names: ["a"], dtype: "f32", shape: [-1] }),
          parameter({ names: ["b"], dtype: "f32", shape: [-1] }),
          {
            type: "Add",
            data: `auto_broadcast="numpy"`,
            inputs: [0, 1],
            output: { names: ["y"], dtype: "f32", shape: [-1] },
          },
          { type: "Result", inputs: [2] },
        ],
      });
      using model = await rig.engine.read(path);
      using compiled = await model.compile({
        device: "CPU",
        properties: new Map([["PERFORMANCE_HINT", "LATENCY"], ["INFERENCE_NUM_THREADS", threads]]),
      });
      using request = compiled.createInferRequest();
      const bad = [floats([1, 2]), floats([3, 4, 5])];
      const good = [floats([1, 2]), floats([3, 4])];
      const broadcast = [floats([1]), floats([3, 4, 5])];
      const expected = servingError(CODE.INTERNAL, /^Cannot infer: .*mismatch/);
      // Twice with the same memory, before and after valid inferences, of the same request and of another.
      for (let round = 0; round < 3; round++) {
        await assert.rejects(infer(request, bad), expected);
        await assert.rejects(infer(request, bad), expected);
        await assert.rejects(request.inferAsync(bad), expected);
        assert.deepEqual((await infer(request, good)).map(floatsOf), [[4, 6]]);
        await assert.rejects(infer(request, bad), expected);
        assert.deepEqual((await request.inferAsync(broadcast)).map(floatsOf), [[4, 5, 6]]);
        assert.deepEqual((await infer(request, broadcast)).map(floatsOf), [[4, 5, 6]]);
        using other = compiled.createInferRequest();
        assert.deepEqual((await infer(other, good)).map(floatsOf), [[4, 6]]);
        await assert.rejects(other.inferAsync(bad), expected);
      }
    },
  );
}

testOpenVino("computes strings of any bytes", async (rig) => {
  using compiled = await compileConcat(rig, "string");
  using request = compiled.createInferRequest();
  for (const count of [1, 100, 1]) {
    const first = Array.from({ length: count }, (_, i) => new Uint8Array(i).fill(i % 3));
    const second = [Uint8Array.of(0), new Uint8Array(1000)];
    const outputs = await infer(request, [
      { dtype: "string", shape: [count], strings: first },
      { dtype: "string", shape: [2], strings: second },
    ]);
    assert.deepEqual(outputs, [{ dtype: "string", shape: [count + 2], strings: [...first, ...second] }]);
  }
});

async function compileConcat(rig: Rig, dtype: DType): Promise<CompiledModel> {
  const path = writeIr(rig.folder, {
    layers: [
      parameter({ names: ["a"], dtype, shape: [-1] }),
      parameter({ names: ["b"], dtype, shape: [-1] }),
      { type: "Concat", data: `axis="0"`, inputs: [0, 1], output: { names: ["ab"], dtype, shape: [-1] } },
      { type: "Result", inputs: [2] },
    ],
  });
  using model = await rig.engine.read(path);
  return await model.compile({ device: "CPU" });
}

function moved(tensor: Tensor, offset: number): Tensor {
  if (tensor.dtype === "string") return tensor;
  const bytes = new Uint8Array(tensor.bytes.byteLength + offset).subarray(offset);
  bytes.set(tensor.bytes);
  return { ...tensor, bytes };
}

function isSame(bytes: Uint8Array, expected: readonly number[]): boolean {
  return bytes.byteLength === expected.length && bytes.every((byte, i) => byte === expected[i]);
}

testOpenVino("a request keeps its memory when the caller drops its arrays", async (rig) => {
  using compiled = await rig.compile(increment([-1]));
  using request = compiled.createInferRequest();
  for (let round = 0; round < 50; round++) {
    // Each round's arrays are garbage in the next, and new ones of the same size replace them.
    const outputs = await request.inferAsync([floats(Array(50_000).fill(round))]);
    assert.ok(floatsOf(outputs[0]).every((value) => value === round + 1));
  }
});

testOpenVino("a port without names takes its node's", async (rig) => {
  const shape = [2];
  const path = writeIr(rig.folder, {
    layers: [
      parameter({ names: [], dtype: "f32", shape }),
      { type: "ReLU", inputs: [0], output: { names: [], dtype: "f32", shape } },
      { type: "Result", inputs: [1] },
    ],
  });
  using model = await rig.engine.read(path);
  assert.deepEqual(model.inputs.map(({ names }) => names), [["node_0"]]);
  assert.deepEqual(model.outputs.map(({ names }) => names), [["node_2"]]);
});

testOpenVino("names stay with their ports when the file lists nodes in another order", async (rig) => {
  const path = writeIr(rig.folder, {
    layers: [
      parameter({ names: ["z", "z&<,more".replace(",", "\\,")], dtype: "f32", shape: [1] }),
      parameter({ names: ["a", "a:0"], dtype: "f32", shape: [2] }),
      { type: "ReLU", inputs: [1], output: { names: ["from_a", "A"], dtype: "f32", shape: [2] } },
      { type: "ReLU", inputs: [0], output: { names: ["from_z", "Z"], dtype: "f32", shape: [1] } },
      { type: "Result", inputs: [2] },
      { type: "Result", inputs: [3] },
    ],
  });
  using model = await rig.engine.read(path);
  const found = [...model.inputs, ...model.outputs].map(({ names, shape }) => [shape?.[0]?.min, ...names.toSorted()]);
  assert.deepEqual(found, [[1, "z", "z&<,more"], [2, "a", "a:0"], [2, "A", "from_a"], [1, "Z", "from_z"]]);
});

testOpenVino("an element type without a dtype is rejected by name", async (rig) => {
  const path = writeIr(rig.folder, {
    layers: [
      { ...parameter({ names: ["x"], dtype: "u8", shape: [8] }), data: `shape="8" element_type="u4"` },
      { type: "Result", inputs: [0] },
    ],
  });
  const expected = servingError(CODE.INVALID_ARGUMENT, /Cannot use the input x: its element type u4 is not supported/);
  await assert.rejects(rig.engine.read(path), expected);
});

testOpenVino("AUTO accepts the devices of the machine and rejects others", async (rig) => {
  using model = await rig.engine.read(rig.write(increment([1])));
  using compiled = await model.compile({ device: "AUTO:CPU" });
  using request = compiled.createInferRequest();
  for (let i = 0; i < 100; i++) assert.deepEqual((await infer(request, [floats([i])])).map(floatsOf), [[i + 1]]);
  for (const device of ["AUTO:XPU", "CPU.7", "HETERO:XPU,CPU", ""]) {
    const expected = servingError(CODE.INVALID_ARGUMENT, /this machine has .*CPU/);
    await assert.rejects(model.compile({ device }), expected);
  }
});

testOpenVino("an invalid property value is rejected", async (rig) => {
  using model = await rig.engine.read(rig.write(increment([1])));
  const values = { NUM_STREAMS: "many", INFERENCE_NUM_THREADS: "-2", PERFORMANCE_HINT: "FASTER" };
  for (const [name, value] of Object.entries(values)) {
    const expected = servingError(CODE.INVALID_ARGUMENT, /^Cannot compile the model: /);
    await assert.rejects(model.compile({ device: "CPU", properties: new Map([[name, value]]) }), expected);
  }
});

testOpenVino("a compiled model survives the truncation of its file", async (rig) => {
  const table: FakePort = { names: [], dtype: "f32", shape: [100_000, 16] };
  const tableBytes = 100_000 * 16 * 4;
  const path = writeIr(rig.folder, {
    layers: [
      parameter({ names: ["rows"], dtype: "i32", shape: [-1] }),
      { type: "Const", data: `element_type="f32" shape="100000,16" offset="64" size="${tableBytes}"`, output: table },
      {
        type: "Const",
        data: `element_type="i32" shape="" offset="0" size="4"`,
        output: { names: [], dtype: "i32", shape: [] },
      },
      {
        type: "Gather",
        opset: "opset8",
        data: `batch_dims="0"`,
        inputs: [1, 0, 2],
        output: { names: ["y"], dtype: "f32", shape: [-1, 16] },
      },
      { type: "Result", inputs: [3] },
    ],
  });
  const weights = path.replace(/xml$/, "bin");
  await Deno.writeFile(weights, new Uint8Array(64 + tableBytes).fill(1, 64));
  using model = await rig.engine.read(path);
  using compiled = await model.compile({ device: "CPU" });
  using request = compiled.createInferRequest();
  await Deno.truncate(weights, 0);
  const rows = Int32Array.of(0, 50_000, 99_999);
  const outputs = await infer(request, [{ dtype: "i32", shape: [3], bytes: new Uint8Array(rows.buffer) }]);
  assert.ok(outputs[0]?.dtype === "f32" && outputs[0].bytes.every((byte) => byte === 1));
});

Deno.test("OpenVINO: a file that is not a library is rejected with its path", () => {
  const path = Deno.makeTempFileSync({ suffix: ".so" });
  try {
    assert.throws(() => new FfiEngine(path), (error) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.code, CODE.FAILED_PRECONDITION);
      assert.equal(error.message.indexOf(path), error.message.lastIndexOf(path));
      assert.match(error.message, /^Cannot open OpenVINO's library \S+\.so: .*ovserve needs OpenVINO/);
      return true;
    });
  } finally {
    Deno.removeSync(path);
  }
});

function runtimeOrReason(): { path?: string; reason?: string } {
  try {
    return { path: findRuntime().path };
  } catch {
    return { reason: "no OpenVINO here, `deno task setup` installs it" };
  }
}

/** A layer of an IR file; its inputs come from other layers' only outputs, by position. */
interface Layer {
  readonly type: string;
  readonly inputs?: readonly number[];
  readonly opset?: string;
  readonly data?: string;
  readonly output?: FakePort;
  readonly extra?: string;
}

const IR_TYPES: Readonly<Record<string, string>> = { bool: "boolean" };
const IR_PRECISIONS: Readonly<Record<string, string>> = { bool: "BOOL", f16: "FP16", f32: "FP32", f64: "FP64" };

/** A fake model's file as layers. */
function toIr({ inputs, outputs, compute = "identity", value = 0 }: FakeModelFile): { layers: Layer[]; value: number } {
  const layers = inputs.map(parameter);
  for (const [i, output] of outputs.entries()) {
    let source = Math.min(i, inputs.length - 1);
    if (compute === "add") {
      const data = `element_type="${output.dtype}" shape="" offset="0" size="4"`;
      const constant = layers.push({ type: "Const", data, output: { names: [], dtype: output.dtype, shape: [] } }) - 1;
      source = layers.push({ type: "Add", inputs: [source, constant], data: `auto_broadcast="numpy"`, output }) - 1;
    }
    layers.push({ type: "Result", inputs: [source] });
  }
  return { layers, value };
}

function parameter(port: FakePort): Layer {
  const shape = port.shape === undefined ? "..." : port.shape.map(dimensionText).join(",");
  const data = `shape="${shape}" element_type="${IR_TYPES[port.dtype] ?? port.dtype}"`;
  return { type: "Parameter", data, output: port };
}

function dimensionText(dimension: number | readonly [number, number]): string {
  if (typeof dimension !== "number") return dimension.join("..");
  return dimension < 0 ? "?" : String(dimension);
}

function writeIr(folder: string, { layers, value = 0 }: { layers: readonly Layer[]; value?: number }): string {
  const texts = layers.map(({ type, opset = "opset1", data = "", inputs = [], output, extra = "" }, id) => {
    const inputPorts = inputs.map((_, port) => `<port id="${port}"/>`).join("");
    const names = output !== undefined && output.names.length > 0
      ? ` names="${escapeXml(output.names.join(","))}"`
      : "";
    const dimensions = (output?.shape ?? []).map((size) => `<dim>${typeof size === "number" ? size : -1}</dim>`);
    const precision = output && (IR_PRECISIONS[output.dtype] ?? output.dtype.toUpperCase());
    const outputPort = output === undefined
      ? ""
      : `<output><port id="${inputs.length}" precision="${precision}"${names}>${dimensions.join("")}</port></output>`;
    return `<layer id="${id}" name="node_${id}" type="${type}" version="${opset}"${extra}><data ${data}/>` +
      `<input>${inputPorts}</input>${outputPort}</layer>`;
  });
  const edges = layers.flatMap(({ inputs = [] }, id) =>
    inputs.map((from, port) => {
      const fromPort = layers[from]?.inputs?.length ?? 0;
      return `<edge from-layer="${from}" from-port="${fromPort}" to-layer="${id}" to-port="${port}"/>`;
    })
  );
  const path = join(folder, `${files++}.xml`);
  Deno.writeTextFileSync(
    path,
    `<?xml version="1.0"?><net name="m" version="11"><layers>${texts.join("")}</layers><edges>${
      edges.join("")
    }</edges></net>`,
  );
  Deno.writeFileSync(path.replace(/xml$/, "bin"), new Uint8Array(new Float32Array([value]).buffer));
  return path;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
