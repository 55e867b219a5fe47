import assert from "node:assert/strict";
import { joinParts } from "../../../base/bytes.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import type { Tensor } from "../../../base/tensor.ts";
import {
  decodePredictRequest,
  decodePredictResponse,
  encodePredictRequest,
  encodePredictResponse,
  findLargeTensor,
} from "./predict_codec.ts";
import { WIRE } from "../../../protobuf/wire_reader.ts";
import { lengthField, message, numberField, span } from "../../../protobuf/testing/wire_messages.ts";

/** A TensorProto: one byte, DT_UINT8. */
function tensorOf(value: number): number[] {
  return [...numberField(1, 4), ...lengthField(7, [value])];
}

function input(name: string, value: number): number[] {
  return lengthField(2, lengthField(1, name), lengthField(2, tensorOf(value)));
}

function valuesByName(inputs: readonly { name: string; tensor: { dtype: string } }[]): Record<string, number | string> {
  const entries = inputs.map((
    { name, tensor },
  ) => [name, "bytes" in tensor ? [...tensor.bytes as Uint8Array][0] : tensor.dtype]);
  return Object.fromEntries(entries);
}

Deno.test("an empty message is a request without a model spec", () => {
  assert.deepEqual(decodePredictRequest(message()), { modelSpec: undefined, inputs: [], outputFilter: [] });
});

Deno.test("a model spec has a version, a label, or neither", () => {
  const spec = (...fields: number[][]) => decodePredictRequest(message(lengthField(1, ...fields))).modelSpec;
  assert.deepEqual(spec(), { name: "", signatureName: "" });
  assert.deepEqual(spec(lengthField(1, "m"), lengthField(3, "s")), { name: "m", signatureName: "s" });
  assert.deepEqual(spec(lengthField(2)), { name: "", version: 0, signatureName: "" });
  assert.deepEqual(spec(lengthField(2, numberField(1, 7))), { name: "", version: 7, signatureName: "" });
  assert.deepEqual(spec(lengthField(2, numberField(1, -1)))?.version, -1);
  assert.deepEqual(spec(lengthField(2, numberField(1, 2n ** 60n)))?.version, 2n ** 60n);
  assert.deepEqual(spec(lengthField(4)), { name: "", versionLabel: "", signatureName: "" });
  assert.deepEqual(spec(lengthField(4, "stable")), { name: "", versionLabel: "stable", signatureName: "" });
});

Deno.test("the last of a version and a label counts, and parts of a version merge", () => {
  const spec = (...fields: number[][]) => decodePredictRequest(message(lengthField(1, ...fields))).modelSpec;
  const version = lengthField(2, numberField(1, 7));
  const label = lengthField(4, "stable");
  assert.deepEqual(spec(version, label), { name: "", versionLabel: "stable", signatureName: "" });
  assert.deepEqual(spec(label, version), { name: "", version: 7, signatureName: "" });
  assert.deepEqual(spec(version, lengthField(2)), { name: "", version: 7, signatureName: "" });
  assert.deepEqual(spec(version, label, lengthField(2)), { name: "", version: 0, signatureName: "" });
});

Deno.test("repeated model specs merge", () => {
  const request = message(
    lengthField(1, lengthField(1, "m"), lengthField(3, "s")),
    lengthField(1, lengthField(1, "n"), lengthField(2, numberField(1, 3))),
  );
  assert.deepEqual(decodePredictRequest(request).modelSpec, { name: "n", version: 3, signatureName: "s" });
});

Deno.test("the last of inputs with the same name counts, among few or many", () => {
  const few = decodePredictRequest(message(input("a", 1), input("b", 2), input("a", 3)));
  assert.deepEqual(valuesByName(few.inputs), { a: 3, b: 2 });
  assert.equal(few.inputs.length, 2);
  const names = Array.from({ length: 100 }, (_, i) => `input ${i}`);
  const many = decodePredictRequest(
    message(...names.map((name) => input(name, 1)), ...names.map((name) => input(name, 2))),
  );
  assert.deepEqual(many.inputs.map(({ name }) => name), names);
  assert(many.inputs.every(({ tensor }) => tensor.dtype === "u8" && tensor.bytes[0] === 2));
});

Deno.test("an input may have its key after its value, no key, or its value in parts", () => {
  const { inputs } = decodePredictRequest(message(
    lengthField(2, lengthField(2, tensorOf(1)), lengthField(1, "late")),
    lengthField(2, lengthField(2, tensorOf(2))),
    lengthField(2, lengthField(1, "parts"), lengthField(2, numberField(1, 4)), lengthField(2, lengthField(7, [3]))),
    lengthField(2, lengthField(1, "none")),
  ));
  assert.deepEqual(valuesByName(inputs), { late: 1, "": 2, parts: 3, none: "malformed" });
});

Deno.test("an invalid input is kept with its error, beside valid ones", () => {
  const { inputs } = decodePredictRequest(message(
    input("good", 1),
    lengthField(2, lengthField(2, numberField(1, 1), lengthField(4, [1, 2, 3])), lengthField(1, "bad")),
  ));
  const bad = inputs.find(({ name }) => name === "bad")?.tensor;
  assert(bad?.dtype === "malformed");
  assert.equal(bad.error.message, "tensor parsing error: bad");
  assert.deepEqual(valuesByName(inputs), { good: 1, bad: "malformed" });
});

Deno.test("the output filter keeps its order and its duplicates", () => {
  const { outputFilter } = decodePredictRequest(message(lengthField(3, "b"), lengthField(3, "a"), lengthField(3, "b")));
  assert.deepEqual(outputFilter, ["b", "a", "b"]);
});

Deno.test("unknown fields are skipped, groups included", () => {
  const group = [9 << 3 | WIRE.GROUP_START, ...numberField(1, 1), 9 << 3 | WIRE.GROUP_END];
  const request = message(
    lengthField(5, numberField(1, 1)),
    lengthField(6, "client"),
    lengthField(7, lengthField(13)),
    group,
    lengthField(1, group, numberField(20, 1), lengthField(1, "m")),
    lengthField(2, group, lengthField(1, "x"), numberField(9, 1), lengthField(2, tensorOf(1))),
  );
  const { modelSpec, inputs } = decodePredictRequest(request);
  assert.equal(modelSpec?.name, "m");
  assert.deepEqual(valuesByName(inputs), { x: 1 });
});

Deno.test("bytes that are not protobuf and names that are not UTF-8 are rejected", () => {
  const refused = [
    [10],
    [10, 5, 0],
    [0, 0],
    [0x80],
    lengthField(1, [10, 5]),
    lengthField(2, lengthField(2, [10, 5])),
    lengthField(2, lengthField(1, [0xff])),
    lengthField(3, [0xc3]),
  ];
  for (const bytes of refused) {
    assert.throws(() => decodePredictRequest(Uint8Array.from(bytes)), (error) => {
      return error instanceof ServingError && error.code === CODE.INVALID_ARGUMENT;
    });
  }
});

Deno.test("all inputs together may take tensorBytesMax bytes beyond the message", () => {
  const splat = (name: string) =>
    lengthField(
      2,
      lengthField(1, name),
      lengthField(2, tensorOf(1), lengthField(2, lengthField(2, numberField(1, 60)))),
    );
  const { inputs } = decodePredictRequest(message(splat("a"), splat("b")), { tensorBytesMax: 100 });
  assert.deepEqual(inputs.map(({ tensor }) => tensor.dtype), ["u8", "malformed"]);
  const { tensor } = inputs[1] ?? {};
  assert(tensor?.dtype === "malformed" && tensor.error.code === CODE.RESOURCE_EXHAUSTED);
});

function isExhausted(error: unknown): boolean {
  return error instanceof ServingError && error.code === CODE.RESOURCE_EXHAUSTED;
}

Deno.test("too many tensors, or pieces of one, are rejected before they fill the memory", () => {
  const inputs = Array.from({ length: 20_000 }, (_, i) => lengthField(2, lengthField(1, String(i))));
  assert.throws(() => decodePredictRequest(message(...inputs)), isExhausted);
  const pieces = lengthField(7, [1]);
  const tensor = Array.from({ length: 70_000 }, () => pieces).flat();
  assert.throws(() => decodePredictRequest(message(lengthField(2, lengthField(2, tensor)))), isExhausted);
});

Deno.test("of too many dimensions only one too many is kept", () => {
  const shape = Array.from({ length: 100_000 }, () => [18, 0]).flat();
  const { inputs } = decodePredictRequest(message(lengthField(2, lengthField(2, tensorOf(1), lengthField(2, shape)))));
  const { tensor } = inputs[0] ?? {};
  assert(tensor?.dtype === "malformed" && tensor.error.message === "tensor parsing error: ");
});

const RESPONSE = {
  modelName: "m",
  modelVersion: 3,
  signatureName: "serving_default",
  outputs: [
    {
      name: "z",
      tensor: { dtype: "f32", shape: [1, 2], bytes: Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64) } satisfies Tensor,
    },
    { name: "a", tensor: { dtype: "i64", shape: [], bytes: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0) } satisfies Tensor },
  ],
};

Deno.test("a reply is encoded byte for byte as TensorFlow Serving's: outputs in order, then the model spec", () => {
  const shape = lengthField(2, lengthField(2, numberField(1, 1)), lengthField(2, numberField(1, 2)));
  const floats = lengthField(2, numberField(1, 1), shape, lengthField(5, [0, 0, 128, 63, 0, 0, 0, 64]));
  const integers = lengthField(2, numberField(1, 9), lengthField(2), lengthField(10, [5]));
  const spec = lengthField(
    2,
    lengthField(1, "m"),
    lengthField(2, numberField(1, 3)),
    lengthField(3, "serving_default"),
  );
  assert.deepEqual(
    joinParts(encodePredictResponse(RESPONSE, { asTensorContent: false })),
    message(lengthField(1, lengthField(1, "z"), floats), lengthField(1, lengthField(1, "a"), integers), spec),
  );
});

Deno.test("a reply contains version 0", () => {
  const response = { modelName: "m", modelVersion: 0, signatureName: "", outputs: [] };
  const encoded = joinParts(encodePredictResponse(response, { asTensorContent: false }));
  assert.deepEqual(encoded, message(lengthField(2, lengthField(1, "m"), lengthField(2))));
});

Deno.test("a large output is borrowed from the engine's memory, in typed fields and in tensor_content", () => {
  const bytes = new Uint8Array(602_112);
  const outputs = [{ name: "y", tensor: { dtype: "f32", shape: [1, 3, 224, 224], bytes } satisfies Tensor }];
  for (const asTensorContent of [false, true]) {
    const parts = encodePredictResponse({ ...RESPONSE, outputs }, { asTensorContent });
    assert.equal(parts.length, 3);
    assert.equal(parts[1], bytes);
  }
});

Deno.test("a reply survives encoding and decoding, and one with an invalid tensor is rejected", () => {
  for (const asTensorContent of [false, true]) {
    const encoded = joinParts(encodePredictResponse(RESPONSE, { asTensorContent }));
    const decoded = decodePredictResponse(encoded);
    const outputs = decoded.outputs.map(({ name, tensor }) => {
      assert(tensor.dtype !== "string");
      return { name, tensor: { ...tensor, bytes: Uint8Array.from(tensor.bytes) } };
    });
    assert.deepEqual({ ...decoded, outputs }, RESPONSE);
  }
  assert.throws(() => decodePredictResponse(message(lengthField(1, lengthField(1, "y")))), /tensor parsing error: y/);
});

Deno.test("a request survives encoding and decoding", () => {
  const request = {
    modelSpec: { name: "m", versionLabel: "stable", signatureName: "s" },
    inputs: RESPONSE.outputs,
    outputFilter: ["b", "a"],
  };
  const decoded = decodePredictRequest(joinParts(encodePredictRequest(request, { asTensorContent: false })));
  assert.deepEqual(decoded.modelSpec, request.modelSpec);
  assert.deepEqual(decoded.outputFilter, request.outputFilter);
  assert.deepEqual(decoded.inputs.map(({ name }) => name), ["z", "a"]);
});

Deno.test("a decoded request does not change when others are decoded", () => {
  const encoded = (shape: readonly number[], value: number) => {
    const elements = new Float32Array(shape.reduce((count, size) => count * size, 1)).fill(value);
    const tensor: Tensor = { dtype: "f32", shape, bytes: new Uint8Array(elements.buffer) };
    const inputs = [{ name: `x${value}`, tensor }, { name: "other", tensor }];
    const request = { modelSpec: { name: `m${value}`, signatureName: "" }, inputs, outputFilter: [`y${value}`] };
    return joinParts(encodePredictRequest(request, { asTensorContent: true }));
  };
  const shapes = [[2, 3], [4], [], [1, 2, 3, 4], [5, 1]];
  const decoded = shapes.map((shape, i) => decodePredictRequest(encoded(shape, i)));
  const copies = structuredClone(decoded);
  decodePredictRequest(encoded([7, 7, 7], 9));
  assert.throws(() => decodePredictRequest(encoded([8, 8], 9).subarray(0, 90)), ServingError);
  assert.deepEqual(decoded, copies);
  for (const [i, { inputs }] of decoded.entries()) {
    for (const { tensor } of inputs) assert.deepEqual((tensor as Tensor).shape, shapes[i]);
  }
});

/** A request with a small tensor and two large ones, and the offset of the first large one's elements. */
function largeRequest(name: string, asTensorContent: boolean): { request: Uint8Array; place: number } {
  const tensor = (count: number, value: number): Tensor => {
    const elements = new Float32Array(count).fill(value);
    return { dtype: "f32", shape: [count], bytes: new Uint8Array(elements.buffer) };
  };
  const request = joinParts(encodePredictRequest({
    modelSpec: { name, version: 3, signatureName: "s" },
    inputs: [
      { name: "small", tensor: tensor(10, 1) },
      { name: "large", tensor: tensor(20_000, 2) },
      { name: "other", tensor: tensor(20_000, 3) },
    ],
    outputFilter: ["y"],
  }, { asTensorContent }));
  const { inputs } = decodePredictRequest(request);
  return { request, place: (inputs[1]?.tensor as { bytes: Uint8Array }).bytes.byteOffset };
}

Deno.test("findLargeTensor() returns the offset of the first large tensor's elements", () => {
  for (const asTensorContent of [true, false]) {
    for (let length = 1; length < 20; length++) {
      const { request, place } = largeRequest("m".repeat(length), asTensorContent);
      assert.equal(findLargeTensor(span(request), request.length), place);
      assert.equal(findLargeTensor(span(request.subarray(0, place)), request.length), place);
    }
  }
});

Deno.test("findLargeTensor() returns 0 if the tensor has not arrived, and for bytes that are not a request", () => {
  const { request, place } = largeRequest("m", true);
  for (const shown of [0, 1, 5, place - 6]) {
    assert.equal(findLargeTensor(span(request.subarray(0, shown)), request.length), 0);
  }
  const small = joinParts(encodePredictRequest({
    modelSpec: { name: "m", signatureName: "" },
    inputs: [{ name: "x", tensor: { dtype: "u8", shape: [3], bytes: new Uint8Array(3) } }],
    outputFilter: [],
  }, { asTensorContent: true }));
  assert.equal(findLargeTensor(span(small), small.length), 0);
  assert.equal(findLargeTensor(span(new Uint8Array(1000).fill(255)), 1_000_000), 0);
  assert.equal(findLargeTensor(span(message(lengthField(1, new Uint8Array(70_000)))), 70_004), 0);
});
