import assert from "node:assert/strict";
import { type RandomBelow, randomBelow, testSeed } from "../../../base/testing/random.ts";
import { ServingError } from "../../../base/status.ts";
import { type DType, DTYPE_BYTES, type NamedTensor, type NumericDType, type Tensor } from "../../../base/tensor.ts";
import { decodePredictBody, encodePredictBody, type InputSpec, type PredictBody } from "./predict_codec.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const DTYPES: readonly DType[] = [...Object.keys(DTYPE_BYTES) as NumericDType[], "string"];

function decode(body: string | Uint8Array, specs: readonly InputSpec[]): PredictBody {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  return decodePredictBody(bytes, { signatures: new Map([["serving_default", specs]]) });
}

function randomTensor(below: RandomBelow, batch: number): Tensor {
  const dtype = DTYPES[below(DTYPES.length)] as DType;
  const shape = [batch, ...Array.from({ length: below(4) }, () => 1 + below(4))];
  const count = shape.reduce((product, size) => product * size, 1);
  if (dtype === "string") {
    const strings = Array.from({ length: count }, () => Uint8Array.from({ length: below(9) }, () => below(256)));
    return { dtype, shape, strings };
  }
  const bytes = Uint8Array.from({ length: count * DTYPE_BYTES[dtype] }, () => below(256));
  if (dtype === "bool") bytes.forEach((byte, i) => bytes[i] = byte % 2);
  return { dtype, shape, bytes };
}

/** Replaces every NaN by the same one: JSON has a single word for them. */
function canonical(tensor: Tensor): unknown {
  if (tensor.dtype === "string") return { ...tensor, strings: tensor.strings.map((string) => [...string]) };
  const bytes = tensor.bytes.slice();
  const view = new DataView(bytes.buffer);
  const exponents = { f16: 0x7c00, bf16: 0x7f80, f32: 0x7f800000, f64: 0x7ff00000 } as const;
  const { dtype } = tensor;
  if (dtype === "f16" || dtype === "bf16" || dtype === "f32" || dtype === "f64") {
    const size = DTYPE_BYTES[dtype];
    for (let at = 0; at < bytes.length; at += size) {
      const top = size === 2 ? view.getUint16(at, true) : view.getUint32(at + size - Math.min(size, 4), true);
      const rest = size === 8 ? view.getUint32(at, true) : 0;
      const magnitude = size === 2 ? top & 0x7fff : top & 0x7fffffff;
      const isNan = magnitude > exponents[dtype] || (magnitude === exponents[dtype] && rest > 0);
      if (isNan) bytes.fill(0xff, at, at + size);
    }
  }
  return { ...tensor, bytes: [...bytes] };
}

Deno.test("Tensors of every dtype and shape survive encoding and decoding in both layouts", () => {
  const seed = testSeed();
  const below = randomBelow(seed);
  for (let round = 0; round < 500; round++) {
    const batch = 1 + below(3);
    // Strings of outputs with such names are base64, which any bytes survive.
    const outputs: NamedTensor[] = Array.from({ length: 1 + below(3) }, (_, i) => ({
      name: `output ${i}_bytes`,
      tensor: randomTensor(below, batch),
    }));
    const specs = outputs.map(({ name, tensor }) => ({ name, dtype: tensor.dtype }));
    for (
      const [format, ours, theirs] of [["row", "predictions", "instances"], ["columnar", "outputs", "inputs"]] as const
    ) {
      const reply = decoder.decode(encodePredictBody(outputs, format));
      const decoded = decode(reply.replace(`"${ours}"`, `"${theirs}"`), specs);
      assert.equal(decoded.format, format);
      assert.deepEqual(
        decoded.inputs.map(({ name, tensor }) => [name, canonical(tensor)]),
        outputs.map(({ name, tensor }) => [name, canonical(tensor)]),
        `seed ${seed}, round ${round}: ${reply}`,
      );
    }
  }
});

Deno.test("A damaged body is decoded or rejected with a ServingError", () => {
  const seed = testSeed();
  const below = randomBelow(seed);
  const specs: InputSpec[] = [{ name: "a", dtype: "f32" }, { name: "b", dtype: "i64" }, { name: "c", dtype: "string" }];
  const bodies = [
    '{"signature_name": "", "instances": [{"a": [1.5, -2e3], "b": 7, "c": "x"}, {"a": [NaN, 0], "b": -8, "c": {"b64": "eA=="}}]}',
    '{"inputs": {"a": [[1, 2], [3, 4]], "b": [[9007199254740993]], "c": ["\\u00e9", "\\ud83d\\ude00"]}, "other": [{}, []]}',
  ];
  for (let round = 0; round < 20_000; round++) {
    const body = encoder.encode(bodies[round % bodies.length]);
    for (let changes = 1 + below(3); changes > 0; changes--) {
      const from = below(body.length);
      const to = below(body.length);
      if (below(2) === 0) body[from] = body[to] as number;
      else body.copyWithin(to, from, from + below(20));
    }
    const cut = below(5) === 0 ? body.subarray(0, below(body.length)) : body;
    try {
      decode(cut, specs);
    } catch (error) {
      const context = `seed ${seed}, round ${round}: ${decoder.decode(cut)}`;
      assert(error instanceof ServingError, `${context}: ${error}`);
    }
  }
});

Deno.test("f16, bf16 and u16, for which TensorFlow Serving has no JSON, are numbers", () => {
  const cases: readonly (readonly [DType, string, readonly number[]])[] = [
    ["f16", "[1, 65504, 1e5, 6e-8, 2049]", [0x3c00, 0x7bff, 0x7c00, 0x0001, 0x6800]],
    ["bf16", "[1, 3.39e38, 1.00390625, 1.01171875, -0.0]", [0x3f80, 0x7f7f, 0x3f80, 0x3f82, 0x8000]],
    ["u16", "[0, 65535, 7, 1, 2]", [0, 65535, 7, 1, 2]],
  ];
  for (const [dtype, text, elements] of cases) {
    const [input] = decode(`{"inputs": ${text}}`, [{ name: "x", dtype }]).inputs;
    assert(input !== undefined && input.tensor.dtype !== "string");
    assert.deepEqual([...new Uint16Array(input.tensor.bytes.buffer as ArrayBuffer)], elements, dtype);
  }
  const half = { dtype: "f16", shape: [2], bytes: Uint8Array.from([0x66, 0x2e, 0xff, 0x7b]) } as const;
  assert.equal(
    decoder.decode(encodePredictBody([{ name: "y", tensor: half }], "row")),
    '{\n    "predictions": [0.0999755859, 65504.0\n    ]\n}',
  );
});

Deno.test("Integers outside the range of their dtype are rejected", () => {
  const cases: readonly (readonly [DType, string])[] = [
    ["i8", "128"],
    ["i8", "-129"],
    ["u8", "256"],
    ["u8", "-1"],
    ["i16", "32768"],
    ["u16", "65536"],
    ["u32", "4294967296"],
  ];
  for (const [dtype, value] of cases) {
    assert.throws(() => decode(`{"inputs": [${value}]}`, [{ name: "x", dtype }]), (error) => {
      return error instanceof ServingError &&
        error.message.startsWith(`JSON Value: ${value} Type: Number is not of expected type: `);
    });
  }
});

Deno.test("A list that claims a large shape allocates no more elements than its text can hold", () => {
  const wide = `[${"1,".repeat(20_000)}1]`;
  const body = `{"inputs": [${wide}${",[1]".repeat(20_000)}]}`;
  assert.throws(() => decode(body, [{ name: "x", dtype: "f64" }]), {
    message: "Encountered list at unexpected size: 1 at level: 1 expected size: 20001",
  });
});

Deno.test("A tensor has at most the 254 dimensions of TensorFlow's", () => {
  const nested = (depth: number) => `{"inputs": ${"[".repeat(depth)}1${"]".repeat(depth)}}`;
  const [input] = decode(nested(254), [{ name: "x", dtype: "f32" }]).inputs;
  assert.equal(input?.tensor.shape.length, 254);
  for (const depth of [255, 100_000]) {
    assert.throws(() => decode(nested(depth), [{ name: "x", dtype: "f32" }]), { message: "tensor parsing error: x" });
  }
});

Deno.test("An error in place of signatures is reported after syntax errors and before errors of tensors", () => {
  const model = { signatures: undefined, code: 5, message: "Servable not found for request: Latest(m)" } as const;
  const cases: readonly (readonly [string, string])[] = [
    ["[", "JSON Parse error: Invalid value. at offset: 1"],
    ['{"instances": []}', model.message],
  ];
  for (const [body, message] of cases) {
    assert.throws(() => decodePredictBody(encoder.encode(body), model), { message });
  }
  const signatures = new Map([["none", []]]);
  assert.throws(() => decodePredictBody(encoder.encode('{"signature_name": "none"}'), { signatures }), {
    message: "Failed to get input map for signature: none",
  });
  assert.throws(() => decodePredictBody(encoder.encode("{}"), { signatures }), {
    message: 'Serving signature name: "serving_default" not found in signature def',
  });
});
