import assert from "node:assert/strict";
import { CODE } from "../../base/status.ts";
import type { RequestInput } from "../../base/signature.ts";
import {
  FakeEngine,
  type FakeEngineOptions,
  type FakeModelFile,
  testEachEngine,
} from "../../engine/testing/fake_engine.ts";
import { field, floats, floatsOf, recordFile, servingError, VersionFolder } from "../testing/loading.ts";
import { ModelServable } from "../model_servable.ts";
import { signaturesOfPorts, toServableSignature } from "./signatures.ts";
import { type DecodeWarmUp, inferZeros, replayRequests, zerosOf } from "./warm_up.ts";

const MODEL: FakeModelFile = {
  inputs: [{ names: ["x"], dtype: "f32", shape: [-1, 2] }],
  outputs: [{ names: ["y"], dtype: "f32", shape: [-1, 2] }],
};

/** A servable and a folder for its records. */
class Rig implements Disposable {
  readonly folder = new VersionFolder();
  readonly servable: ModelServable;

  private constructor(servable: ModelServable) {
    this.servable = servable;
  }

  /** @param text the model's file; the only infinity in JSON is a number that is too large. */
  static async open(text: string = JSON.stringify(MODEL), options: FakeEngineOptions = {}): Promise<Rig> {
    using folder = new VersionFolder();
    const engine = new FakeEngine(options);
    using model = await engine.read(folder.write("model.json", text));
    const compiled = await model.compile({ device: "CPU" });
    const signatures = new Map(
      [...signaturesOfPorts(model).signatures].map((
        [name, named],
      ) => [name, toServableSignature(named, model, { checksIntegerRange: true })]),
    );
    return new Rig(
      new ModelServable({
        signatures,
        graphs: [{ compiled, inferRequestCount: 1, inLoopBytesMax: 1000, waitersMax: 1 }],
      }),
    );
  }

  /** Each record is a PredictRequest whose bytes are the values of `x`, or a signature's name. */
  replay(
    records: readonly Uint8Array[],
    { iterations = 1, onDecode = () => {} }: { iterations?: number; onDecode?: (text: string) => void } = {},
  ): Promise<string[]> {
    const decode: DecodeWarmUp = (bytes) => {
      const text = new TextDecoder().decode(bytes);
      onDecode(text);
      const [values = "", signatureName = "", output] = text.split(";");
      const inputs: RequestInput[] = [{
        name: "x",
        tensor: floats(JSON.parse(values), [1, JSON.parse(values).length]),
      }];
      return { signatureName, inputs, outputFilter: output === undefined ? [] : [output] };
    };
    return replayRequests(this.servable, {
      path: this.folder.write("records", recordFile(records)),
      iterations,
      decode,
    });
  }

  [Symbol.dispose](): void {
    this.servable[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

function predictLog(request: string): Uint8Array {
  return field(6, [field(1, request)]);
}

testEachEngine("replayRequests() runs each recorded request for the given number of iterations", async (lacks) => {
  using rig = await Rig.open(JSON.stringify(MODEL), { lacks });
  const decoded: string[] = [];
  const records = [predictLog("[1,2]"), predictLog("[3,4];serving_default;y")];
  assert.deepEqual(await rig.replay(records, { iterations: 3, onDecode: (text) => decoded.push(text) }), []);
  assert.deepEqual(decoded, ["[1,2]", "[3,4];serving_default;y"]);
  assert.equal(rig.servable.warmUp?.records, 2);
  assert(rig.servable.warmUp.ms > 0);
});

Deno.test("replayRequests() skips records of other methods, with one note a method", async () => {
  using rig = await Rig.open();
  const classify = field(2, [field(1, "classification")]);
  const records = [
    classify,
    field(3, [field(1, "regression")]),
    classify,
    field(1, "metadata only"),
    new Uint8Array(0),
  ];
  assert.deepEqual(await rig.replay(records), [
    "Warm-up requests of Classify are skipped",
    "Warm-up requests of Regress are skipped",
  ]);
});

testEachEngine("replayRequests() fails with the first request that fails", async (lacks) => {
  using rig = await Rig.open(JSON.stringify(MODEL), { lacks });
  for (
    const [request, code, message] of [
      ["[1,2,3]", CODE.INVALID_ARGUMENT, /record 2: Invalid input shape - Expected: \(-1,2\)/],
      ["[1,2];other", CODE.FAILED_PRECONDITION, /record 2: Serving signature key "other" not found\.$/],
      ["[1,2];;z", CODE.INVALID_ARGUMENT, /record 2: output tensor alias not found in signature: z/],
    ] as const
  ) {
    const expected = servingError(code, new RegExp(`^Cannot warm up with records: ${message.source}`));
    await assert.rejects(() => rig.replay([predictLog("[1,2]"), predictLog(request), predictLog("{")]), expected);
  }
});

testEachEngine("replayRequests() fails with the engine's error", async (lacks) => {
  using rig = await Rig.open(JSON.stringify({ ...MODEL, failInfer: "out of memory" }), { lacks });
  const expected = servingError(CODE.INTERNAL, /record 1: Cannot infer: out of memory$/);
  await assert.rejects(() => rig.replay([predictLog("[1,2]")]), expected);
});

Deno.test("replayRequests() accepts at most 1,000 records", async () => {
  using rig = await Rig.open();
  const empty = Array.from({ length: 1000 }, () => new Uint8Array(0));
  assert.deepEqual(await rig.replay(empty), []);
  const expected = servingError(CODE.INVALID_ARGUMENT, /there are more than 1000 records$/);
  await assert.rejects(() => rig.replay([...empty, new Uint8Array(0)]), expected);
});

Deno.test("replayRequests() fails for damaged records and for records that are not a PredictionLog", async () => {
  using rig = await Rig.open();
  const path = rig.folder.write("damaged", recordFile([predictLog("[1,2]")]).with(14, 0));
  const options = { path, iterations: 1, decode: () => ({ signatureName: "", inputs: [], outputFilter: [] }) };
  const damaged = servingError(CODE.DATA_LOSS, /^Cannot warm up with damaged: corrupted record at 0$/);
  await assert.rejects(() => replayRequests(rig.servable, options), damaged);
  await assert.rejects(() => replayRequests(rig.servable, options), {
    detail: `Cannot warm up with ${path}: corrupted record at 0`,
  });
  await assert.rejects(() => rig.replay([Uint8Array.of(255)]), servingError(CODE.DATA_LOSS, /no protobuf message$/));
});

testEachEngine(
  "inferZeros() notes outputs that are not finite or have another shape than the signature",
  async (lacks) => {
    const text = JSON.stringify({
      compute: "constant",
      value: "huge",
      inputs: MODEL.inputs,
      outputs: [{ names: ["y"], dtype: "f32", shape: [[3, 4], 2] }, { names: ["n"], dtype: "i32", shape: [1] }],
    });
    using rig = await Rig.open(text.replace('"huge"', "1e999"), { lacks });
    const signature = rig.servable.signatures.get("serving_default");
    assert.ok(signature !== undefined);
    assert.deepEqual(await inferZeros(rig.servable, signature), [
      "The output y has the shape (1,2), not ([3..4],2)",
      "The output y has values that are not finite",
    ]);
  },
);

Deno.test("inferZeros() notes a model that rejects zeros or has a dynamic rank, without failing", async () => {
  for (
    const [model, note] of [
      [{ ...MODEL, failInfer: "no zeros" }, "Not warmed up: the model does not infer zeros: Cannot infer: no zeros"],
      [
        { ...MODEL, inputs: [{ names: ["x"], dtype: "f32" }] },
        "Not warmed up: a shape is open or too large for zeros",
      ],
    ] as const
  ) {
    using rig = await Rig.open(JSON.stringify(model));
    const signature = rig.servable.signatures.get("serving_default");
    assert.ok(signature !== undefined);
    assert.deepEqual(await inferZeros(rig.servable, signature), [note]);
  }
});

Deno.test("zerosOf() gives open dimensions their smallest size, but at least 1 where the shape allows it", () => {
  const spec = { name: "x", tensorName: "x", dtype: "f32" } as const;
  const any = { min: 0, max: Infinity };
  const shape = [any, { min: 3, max: 8 }, { min: 0, max: 0 }, { min: 2, max: 2 }];
  assert.deepEqual(zerosOf([{ ...spec, shape }])?.map((tensor) => tensor.shape), [[1, 3, 0, 2]]);
  const [zeros, strings] = zerosOf([{ ...spec, shape: [any, { min: 2, max: 2 }] }, {
    ...spec,
    dtype: "string",
    shape: [any],
  }]) ?? [];
  assert.deepEqual(floatsOf(zeros), [0, 0]);
  assert.deepEqual(strings, { dtype: "string", shape: [1], strings: [new Uint8Array(0)] });
  assert.equal(zerosOf([{ ...spec, shape: undefined }]), undefined);
  assert.equal(zerosOf([{ ...spec, shape: [{ min: 1 << 30, max: 1 << 30 }] }]), undefined);
});
