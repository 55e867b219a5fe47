/** Damaged requests over both encodings: each is decoded, or refused with a sentence, in memory that its length bounds. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { RequestInput } from "../../base/signature.ts";
import { CODE, ServingError } from "../../base/status.ts";
import { byteLength, type Tensor } from "../../base/tensor.ts";
import { type RandomBelow, withSeeds } from "../../base/testing/random.ts";
import { loadProtos } from "../../protobuf/testing/protos.ts";
import { decodeInferRequest, findLargeTensor } from "./grpc/infer_codec.ts";
import { decodeInferBody } from "./rest/infer_body.ts";

const ROUNDS = 500;
/** A value of one byte may be eight bytes of a tensor, and so may two characters of JSON. */
const GROWTH_MAX = 8;
const CODES: readonly number[] = [CODE.INVALID_ARGUMENT, CODE.RESOURCE_EXHAUSTED];
const protos = await loadProtos();

const GRPC_REQUESTS = [
  {
    model_name: "m",
    model_version: "1",
    id: "42",
    parameters: { signature_name: { string_param: "s" } },
    inputs: [
      { name: "a", datatype: "INT64", shape: [3], contents: { int64_contents: ["1", "-1", "9"] } },
      { name: "b", datatype: "UINT8", shape: [2], contents: { uint_contents: [0, 255] } },
      { name: "c", datatype: "BYTES", shape: [1], contents: { bytes_contents: [Buffer.from("xyz")] } },
      { name: "d", datatype: "FP32", shape: [1, 2], contents: { fp32_contents: [1.5, 2] } },
    ],
    outputs: [{ name: "y", parameters: { classification: { int64_param: 3 } } }],
  },
  {
    model_name: "m",
    inputs: [{ name: "a", datatype: "FP16", shape: [2] }, { name: "b", datatype: "BYTES", shape: [2] }],
    raw_input_contents: [Buffer.from([1, 2, 3, 4]), Buffer.from([1, 0, 0, 0, 97, 0, 0, 0, 0])],
  },
].map((request) => protos.encode("inference.ModelInferRequest", request));

const REST_JSON = [
  `{"id": "42", "parameters": {"binary_data_output": true, "signature_name": "s"}, "inputs": [
    {"name": "a", "datatype": "INT64", "shape": [3], "data": [1, [-1], 9007199254740993]},
    {"name": "b", "datatype": "BOOL", "shape": [2], "data": [true, false]},
    {"name": "c", "datatype": "BYTES", "shape": [1], "data": ["x\\u00e9"]},
    {"name": "d", "datatype": "FP32", "shape": [1, 2], "data": [[1.5, 2e3]]}],
    "outputs": [{"name": "y", "parameters": {"binary_data": false, "classification": 3}}]}`,
  `{"inputs": [{"name": "a", "datatype": "FP16", "shape": [2], "parameters": {"binary_data_size": 4}},
    {"name": "b", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 9}}]}`,
];
const REST_BODIES = [
  { json: REST_JSON[0] ?? "", binary: [] as number[] },
  { json: REST_JSON[1] ?? "", binary: [1, 2, 3, 4, 1, 0, 0, 0, 97, 0, 0, 0, 0] },
].map(({ json, binary }) => ({ body: new Uint8Array([...Buffer.from(json), ...binary]), jsonBytes: json.length }));

/** A copy with bytes changed, moved, or cut off. */
function damaged(bytes: Uint8Array, below: RandomBelow): Uint8Array {
  const copy = bytes.slice();
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const at = below(copy.length);
    const kind = below(3);
    if (kind === 0) copy[at] = below(256);
    else if (kind === 1) copy[at] = copy[below(copy.length)] as number;
    else copy.copyWithin(below(copy.length), at, at + below(20));
  }
  return below(5) === 0 ? copy.subarray(0, below(copy.length)) : copy;
}

/** Checks inputs that were decoded from so many bytes. */
function checkInputs(inputs: readonly RequestInput[], length: number): void {
  const tensors = inputs.flatMap(({ tensor }): Tensor[] => {
    if (tensor.dtype !== "malformed") return [tensor];
    assert.match(tensor.error.message, /^input '/);
    return [];
  });
  assert(byteLength(tensors) <= GROWTH_MAX * length, `${byteLength(tensors)} bytes of tensors from ${length}`);
}

function checkRefusal(error: unknown): void {
  assert(error instanceof ServingError && CODES.includes(error.code), String(error));
}

Deno.test("a damaged ModelInferRequest is decoded, or refused with a ServingError", async () => {
  await withSeeds((below) => {
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = damaged(GRPC_REQUESTS[round % GRPC_REQUESTS.length] as Uint8Array, below);
      const at = findLargeTensor({ bytes, start: 0, end: below(bytes.length + 1) }, bytes.length);
      assert(at >= 0 && at <= bytes.length);
      try {
        checkInputs(decodeInferRequest(bytes).inputs, bytes.length);
      } catch (error) {
        checkRefusal(error);
      }
    }
  });
});

Deno.test("a damaged REST body is decoded, or refused with a ServingError", async () => {
  await withSeeds((below) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { body, jsonBytes } = REST_BODIES[round % REST_BODIES.length] as { body: Uint8Array; jsonBytes: number };
      const bytes = damaged(body, below);
      const length = Math.min(bytes.length, below(10) === 0 ? below(bytes.length + 1) : jsonBytes);
      try {
        checkInputs(decodeInferBody(bytes, length).inputs, bytes.length);
      } catch (error) {
        checkRefusal(error);
      }
    }
  });
});
