/** Requests that contradict themselves: each has its status over gRPC and REST, and a sentence that names the tensor. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { CODE } from "../../../src/base/status.ts";
import { loadProtos } from "../../../src/protobuf/testing/protos.ts";
import { modelPath } from "../../support/model_path.ts";
import { PredictionClient } from "../../support/prediction_client.ts";
import { Scratch } from "../../support/scratch.ts";
import { Server } from "../../support/server.ts";

const protos = await loadProtos();
const FLOAT = Buffer.from(Float32Array.of(1).buffer);
const HUGE = 2 ** 52;

interface Running extends AsyncDisposable {
  readonly rest: string;
  readonly client: PredictionClient;
}

async function start(): Promise<Running> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await Scratch.make());
  const config = await scratch.writeConfig({
    half: { "base_path": modelPath("half_plus_two") },
    mixed: { "base_path": modelPath("mixed") },
  });
  const flags = ["--rest_port", "any", "--rest_bind_address", "127.0.0.1"];
  const server = stack.use(await Server.start(["config", "--config_path", config, "--convert_inputs=false", ...flags]));
  const { rest } = await server.event("server started");
  const client = stack.use(new PredictionClient(server.address));
  const kept = stack.move();
  return { rest: rest as string, client, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

function input(shape: readonly (number | string)[], fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: "x", datatype: "FP32", shape, ...fields };
}

const floats = (...values: number[]) => ({ contents: { "fp32_contents": values } });

/** ModelInfer requests for `half`, and the sentence. */
const GRPC_CASES: Readonly<Record<string, readonly [request: Record<string, unknown>, sentence: RegExp]>> = {
  "a raw size that lies": [
    { inputs: [input([2])], "raw_input_contents": [FLOAT] },
    /Expected: 8 bytes; Actual: 4 bytes; input name: x/,
  ],
  "typed contents of another count": [{ inputs: [input([2], floats(1))] }, /input 'x' .*2 elements, but 1/],
  "a negative shape": [{ inputs: [input([-1], floats(1))] }, /input 'x' has an impossible shape/],
  "a shape that overflows": [{ inputs: [input([HUGE, HUGE], floats(1))] }, /input 'x' has an impossible shape/],
  "the largest dimension": [{ inputs: [input(["9223372036854775807"], floats(1))] }, /input 'x'/],
  "a huge count without data": [{ inputs: [input([HUGE])] }, /input 'x' .* no data/],
  "a huge count with a zero": [{ inputs: [input([HUGE, 0])], "raw_input_contents": [""] }, /input name: x/],
  "an input twice": [{ inputs: [input([1], floats(1)), input([1], floats(1))] }, /input 'x' already exists/],
  "an output twice": [{ inputs: [input([1], floats(1))], outputs: [{ name: "y" }, { name: "y" }] }, /alias: y/],
  "an unknown datatype": [{ inputs: [input([1], { datatype: "FP128" })] }, /input 'x' has the datatype 'FP128'/],
  "another datatype": [
    { inputs: [input([1], { datatype: "INT32" })], "raw_input_contents": [FLOAT] },
    /Expected: FP32; Actual: I32; input name: x/,
  ],
  "more raw entries than inputs": [
    { inputs: [input([1])], "raw_input_contents": [FLOAT, FLOAT] },
    /input 'x' is one of 1 inputs, but raw_input_contents has 2 entries/,
  ],
  "raw and typed contents": [
    { inputs: [input([1], floats(1))], "raw_input_contents": [FLOAT] },
    /input 'x' has contents beside/,
  ],
  "shared memory": [
    { inputs: [input([1], { parameters: { "shared_memory_region": { "string_param": "r" } } })] },
    /input 'x' lies in shared memory/,
  ],
  "BYTES whose length runs past the end": [
    { inputs: [input([1], { datatype: "BYTES" })], "raw_input_contents": [Buffer.from([255, 255, 255, 255, 1])] },
    /input 'x' has a BYTES element that runs past the end/,
  ],
  "BYTES with a broken length": [
    { inputs: [input([1], { datatype: "BYTES" })], "raw_input_contents": [Buffer.from([1, 0])] },
    /input 'x' has a BYTES element that runs past the end/,
  ],
  "a huge count of BYTES": [
    { inputs: [input([HUGE], { datatype: "BYTES" })], "raw_input_contents": [""] },
    /input 'x' .* but 0 of them/,
  ],
  "more dimensions than there are": [
    { inputs: [input(new Array(1000).fill(1), floats(1))] },
    /input name: x|input 'x'/,
  ],
};

Deno.test("over gRPC bad input is INVALID_ARGUMENT, and the sentence names the tensor", async (t) => {
  await using running = await start();
  const infer = async (request: Record<string, unknown>) => {
    const message = protos.encode("inference.ModelInferRequest", { "model_name": "half", ...request });
    const reply = await running.client.callRaw("/inference.GRPCInferenceService/ModelInfer", { message });
    return protos.decode("inference.ModelInferResponse", reply);
  };
  for (const [name, [request, sentence]] of Object.entries(GRPC_CASES)) {
    await t.step(name, () => assert.rejects(infer(request), { code: CODE.INVALID_ARGUMENT, details: sentence }));
  }
  const names = ["f16", "bf16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool", "f16"];
  const repeated = names.map((name) => ({ ...input([1], floats(1)), name }));
  await assert.rejects(infer({ "model_name": "mixed", inputs: repeated }), { details: /input 'f16' already exists/ });
  await t.step("a message that is none", () =>
    assert.rejects(
      running.client.callRaw("/inference.GRPCInferenceService/ModelInfer", { message: Uint8Array.of(42, 255) }),
      { code: CODE.INVALID_ARGUMENT },
    ));
  const scalar = await infer({ inputs: [input([1], floats(4))] });
  assert.deepEqual((scalar.raw_output_contents as Buffer[])[0], Buffer.from(Float32Array.of(4).buffer));
});

/** JSON of an input, the bytes that follow it, and the sentence. */
const REST_CASES: Readonly<Record<string, readonly [json: string, binary: Buffer | undefined, sentence: RegExp]>> = {
  "a size that lies": [`{"shape": [2], "parameters": {"binary_data_size": 4}}`, FLOAT, /input 'x' has 4 bytes .* 8/],
  "a size beyond the body": [
    `{"shape": [4], "parameters": {"binary_data_size": 16}}`,
    FLOAT,
    /input 'x' has 16 bytes .* 4 left/,
  ],
  "a negative size": [`{"shape": [1], "parameters": {"binary_data_size": -4}}`, FLOAT, /binary_data_size/],
  "a negative shape": [`{"shape": [-1], "data": [1]}`, undefined, /input 'x' has the dimension -1/],
  "a shape that overflows": [
    `{"shape": [${HUGE}, ${HUGE}], "data": [1]}`,
    undefined,
    /input 'x' has an impossible shape/,
  ],
  "a huge count": [`{"shape": [${HUGE}], "data": [1]}`, undefined, /input 'x' .*, but 1 of them/],
  "a fraction of a dimension": [`{"shape": [1.5], "data": [1]}`, undefined, /input 'x' has the dimension 1.5/],
  "too few elements": [`{"shape": [3], "data": [1, 2]}`, undefined, /input 'x' .* 3 elements, but 2 of them/],
  "too many elements": [`{"shape": [1], "data": [1, 2]}`, undefined, /input 'x' .* 1 elements, but more of them/],
  "an element that is none": [`{"shape": [1], "data": ["a"]}`, undefined, /input 'x' has the element "a"/],
  "neither data nor size": [`{"shape": [1]}`, undefined, /input 'x' has neither/],
  "data and size": [
    `{"shape": [1], "data": [1], "parameters": {"binary_data_size": 4}}`,
    FLOAT,
    /input 'x' has 'data'/,
  ],
  "an unknown datatype": [`{"shape": [1], "datatype": "FP128", "data": [1]}`, undefined, /input 'x' has the datatype/],
  "BYTES with a broken length": [
    `{"shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 4}}`,
    Buffer.from([9, 0, 0, 0]),
    /input 'x' has a BYTES element that runs past/,
  ],
  "shared memory": [
    `{"shape": [1], "parameters": {"shared_memory_region": "r"}}`,
    undefined,
    /input 'x' lies in shared memory/,
  ],
  "an integer out of range": [
    `{"shape": [1], "datatype": "UINT8", "data": [256]}`,
    undefined,
    /input 'x' has the element/,
  ],
};

Deno.test("over REST bad input is 400, and the sentence names the tensor", async (t) => {
  await using running = await start();
  const post = async (body: Uint8Array<ArrayBuffer> | string, length?: string) => {
    const headers: HeadersInit = length === undefined ? {} : { "inference-header-content-length": length };
    const response = await fetch(`http://${running.rest}/v2/models/half/infer`, { method: "POST", headers, body });
    return { status: response.status, error: (await response.json()).error as string };
  };
  const requestOf = (input: string) => {
    const named = input.includes('"datatype"') ? `"name": "x",` : `"name": "x", "datatype": "FP32",`;
    return `{"inputs": [{${named} ${input.slice(1)}]}`;
  };
  for (const [name, [json, binary, sentence]] of Object.entries(REST_CASES)) {
    await t.step(name, async () => {
      const request = requestOf(json);
      const { status, error } = await post(
        new Uint8Array(Buffer.concat([Buffer.from(request), binary ?? Buffer.alloc(0)])),
        binary === undefined ? undefined : String(request.length),
      );
      assert.equal(status, 400, error);
      assert.match(error, sentence);
    });
  }
  const good = requestOf(`{"shape": [1], "data": [1]}`);
  for (const length of ["4096", "-1", "x", "1e3", String(2 ** 53)]) {
    await t.step(`a header length of ${length}`, async () => {
      const { status, error } = await post(good, length);
      assert.equal(status, 400, error);
      assert.match(error, /Inference-Header-Content-Length is '/);
    });
  }
  await t.step("an input twice", async () => {
    const twice = good.replace(/\[(\{.*\})\]/, "[$1, $1]");
    assert.deepEqual(await post(twice), { status: 400, error: "input 'x' already exists in request" });
  });
  await t.step("bytes behind the last tensor", async () => {
    assert.equal((await post(`${good}1234`, String(good.length))).status, 400);
  });
  assert.equal((await post(good)).status, 200);
});
