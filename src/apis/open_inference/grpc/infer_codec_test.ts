import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { NumericDType, Tensor } from "../../../base/tensor.ts";
import { loadProtos } from "../../../protobuf/testing/protos.ts";
import { decodeInferRequest, findLargeTensor } from "./infer_codec.ts";
import { encodeInferResponse, encodeStreamError, encodeStreamInferResponse } from "./infer_reply_codec.ts";

const REQUEST = "inference.ModelInferRequest";
const protos = await loadProtos();

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts.map((part) => part.slice()));
}

function decode(fields: Record<string, unknown>): ReturnType<typeof decodeInferRequest> {
  return decodeInferRequest(protos.encode(REQUEST, fields));
}

/** The error of a request's only input. */
function refusal(fields: Record<string, unknown>): string {
  const [input] = decode(fields).inputs;
  assert(input?.tensor.dtype === "malformed");
  return input.tensor.error.message;
}

function input(
  datatype: string,
  shape: readonly number[],
  contents?: Record<string, unknown>,
): Record<string, unknown> {
  return { name: "x", datatype, shape, ...(contents && { contents }) };
}

const ELEMENTS: readonly {
  readonly datatype: string;
  readonly dtype: NumericDType;
  readonly contents: Record<string, unknown>;
  readonly bytes: ArrayBufferView;
}[] = [
  { datatype: "BOOL", dtype: "bool", contents: { bool_contents: [true, false] }, bytes: Uint8Array.of(1, 0) },
  { datatype: "INT8", dtype: "i8", contents: { int_contents: [-128, 127] }, bytes: Int8Array.of(-128, 127) },
  { datatype: "INT16", dtype: "i16", contents: { int_contents: [-3, 9] }, bytes: Int16Array.of(-3, 9) },
  { datatype: "INT32", dtype: "i32", contents: { int_contents: [-1, 1 << 30] }, bytes: Int32Array.of(-1, 1 << 30) },
  {
    datatype: "INT64",
    dtype: "i64",
    contents: { int64_contents: ["-9223372036854775808", "5"] },
    bytes: BigInt64Array.of(-(2n ** 63n), 5n),
  },
  { datatype: "UINT8", dtype: "u8", contents: { uint_contents: [0, 255] }, bytes: Uint8Array.of(0, 255) },
  { datatype: "UINT16", dtype: "u16", contents: { uint_contents: [0, 65535] }, bytes: Uint16Array.of(0, 65535) },
  {
    datatype: "UINT32",
    dtype: "u32",
    contents: { uint_contents: [0, 4294967295] },
    bytes: Uint32Array.of(0, 4294967295),
  },
  {
    datatype: "UINT64",
    dtype: "u64",
    contents: { uint64_contents: ["18446744073709551615", "1"] },
    bytes: BigUint64Array.of(2n ** 64n - 1n, 1n),
  },
  { datatype: "FP32", dtype: "f32", contents: { fp32_contents: [1.5, -2] }, bytes: Float32Array.of(1.5, -2) },
  { datatype: "FP64", dtype: "f64", contents: { fp64_contents: [0.1, 1e300] }, bytes: Float64Array.of(0.1, 1e300) },
];

for (const { datatype, dtype, contents, bytes } of ELEMENTS) {
  const memory = new Uint8Array(bytes.buffer);
  Deno.test(`decodeInferRequest() reads typed and raw contents of ${datatype}`, () => {
    const typed = decode({ model_name: "m", inputs: [input(datatype, [2], contents)] });
    const raw = decode({ model_name: "m", inputs: [input(datatype, [2])], raw_input_contents: [Buffer.from(memory)] });
    for (const { inputs } of [typed, raw]) {
      const tensor = inputs[0]?.tensor as Tensor;
      assert(tensor.dtype === dtype);
      assert.deepEqual(tensor.shape, [2]);
      assert.deepEqual([...tensor.bytes], [...memory]);
    }
  });
}

Deno.test("decodeInferRequest() reads names, version, id and requested outputs", () => {
  const outputs = [{ name: "y" }, { name: "z", parameters: { classification: { int64_param: 3 } } }];
  const request = decode({ model_name: "m", model_version: "7", id: "42", outputs });
  assert.deepEqual(request, {
    modelName: "m",
    modelVersion: "7",
    id: "42",
    signatureName: "",
    inputs: [],
    outputs: [{ name: "y", classCount: 0 }, { name: "z", classCount: 3 }],
  });
});

Deno.test("decodeInferRequest() reads BYTES, typed and raw", () => {
  const typed = decode({ inputs: [input("BYTES", [2], { bytes_contents: [Buffer.from("a"), Buffer.from("")] })] });
  const elements = Buffer.from([1, 0, 0, 0, 97, 0, 0, 0, 0]);
  const raw = decode({ inputs: [input("BYTES", [2])], raw_input_contents: [elements] });
  for (const { inputs } of [typed, raw]) {
    const tensor = inputs[0]?.tensor;
    assert(tensor?.dtype === "string");
    assert.deepEqual(tensor.strings.map((string) => [...string]), [[97], []]);
  }
});

Deno.test("decodeInferRequest() refuses inputs that contradict themselves, and names them", () => {
  const fp32 = (shape: number[], values: number[]) => input("FP32", shape, { fp32_contents: values });
  assert.match(refusal({ inputs: [fp32([3], [1])] }), /input 'x' has the shape \[3\] of 3 elements, but 1 of them/);
  assert.match(refusal({ inputs: [fp32([2 ** 40], [])] }), /and no data/);
  assert.match(refusal({ inputs: [fp32([-1], [1])] }), /impossible shape/);
  assert.match(refusal({ inputs: [input("FLOAT", [1])] }), /datatype 'FLOAT': expected one of BOOL/);
  assert.match(refusal({ inputs: [input("FP16", [1])] }), /FP16 has no typed contents/);
  assert.match(refusal({ inputs: [input("INT32", [1], { fp32_contents: [1] })] }), /field of another datatype/);
  assert.match(
    refusal({ inputs: [input("UINT8", [1], { uint_contents: [256] })] }),
    /value 256, which is out of range/,
  );
  const both = [Buffer.alloc(4)];
  assert.match(refusal({ inputs: [fp32([1], [1])], raw_input_contents: both }), /beside raw_input_contents/);
  const broken = [Buffer.from([255, 0, 0, 0, 97])];
  assert.match(refusal({ inputs: [input("BYTES", [1])], raw_input_contents: broken }), /runs past the end/);
});

Deno.test("findLargeTensor() finds where raw and packed elements begin", () => {
  const values = Array.from({ length: 20_000 }, (_, i) => i);
  const memory = new Uint8Array(Float32Array.from(values).buffer);
  const requests = [
    { model_name: "m", inputs: [input("FP32", [values.length])], raw_input_contents: [Buffer.from(memory)] },
    { model_name: "m", inputs: [input("FP32", [values.length], { fp32_contents: values })] },
  ];
  for (const fields of requests) {
    const bytes = protos.encode(REQUEST, fields);
    const at = findLargeTensor({ bytes, start: 0, end: 200 }, bytes.length);
    assert.deepEqual([...bytes.subarray(at, at + 32)], [...memory.subarray(0, 32)]);
  }
});

const REPLY = {
  modelName: "m",
  modelVersion: 3,
  signatureName: "serving_default",
  outputs: [
    { name: "y", tensor: { dtype: "f32", shape: [2], bytes: new Uint8Array(Float32Array.of(1, 2).buffer) } },
    { name: "s", tensor: { dtype: "string", shape: [], strings: [new Uint8Array([97, 98])] } },
  ],
} as const;

Deno.test("encodeInferResponse() writes what a library reads", () => {
  const reply = protos.decode("inference.ModelInferResponse", joined(encodeInferResponse(REPLY, "42")));
  assert.equal(reply.model_name, "m");
  assert.equal(reply.model_version, "3");
  assert.equal(reply.id, "42");
  const outputs = reply.outputs as { name: string; datatype: string; shape: string[] }[];
  assert.deepEqual(outputs.map(({ name, datatype, shape }) => [name, datatype, shape]), [["y", "FP32", ["2"]], [
    "s",
    "BYTES",
    [],
  ]]);
  const raw = reply.raw_output_contents as Uint8Array[];
  assert.deepEqual(raw.map((bytes) => [...bytes]), [[0, 0, 128, 63, 0, 0, 0, 64], [2, 0, 0, 0, 97, 98]]);
});

Deno.test("encodeStreamInferResponse() wraps the reply, and encodeStreamError() names the request", () => {
  const type = "inference.ModelStreamInferResponse";
  const reply = protos.decode(type, joined(encodeStreamInferResponse(REPLY, "1")));
  assert.equal(reply.error_message, "");
  const { id, parameters } = reply.infer_response as {
    id: string;
    parameters: Record<string, { bool_param: boolean }>;
  };
  assert.equal(id, "1");
  assert.equal(parameters.triton_final_response?.bool_param, true);
  const error = protos.decode(type, joined(encodeStreamError("no", "2")));
  assert.equal(error.error_message, "no");
  assert.equal((error.infer_response as { id: string }).id, "2");
});
