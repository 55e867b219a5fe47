/** Bodies and what TensorFlow Serving makes of them, as its tests and its source have it; each case names where it is from. */
import assert from "node:assert/strict";
import { ServingError } from "../../../../src/base/status.ts";
import type { DType, NamedTensor, Tensor } from "../../../../src/base/tensor.ts";
import {
  decodePredictBody,
  encodePredictBody,
  type JsonFormat,
} from "../../../../src/apis/tensorflow_serving/rest/predict_codec.ts";
import replies from "./replies.json" with { type: "json" };
import requests from "./requests.json" with { type: "json" };

/** A tensor of the corpus: numbers as the language prints them, strings as text. */
interface WrittenTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly string[];
}

const NUMBERS = { f32: Float32Array, f64: Float64Array, i32: Int32Array, bool: Uint8Array } as const;
const BIG_NUMBERS = { i64: BigInt64Array, u64: BigUint64Array } as const;

const encoder = new TextEncoder();

function toTensor({ dtype, shape, values }: WrittenTensor): Tensor {
  if (dtype === "string") return { dtype, shape, strings: values.map((value) => encoder.encode(value)) };
  if (dtype === "i64" || dtype === "u64") {
    return { dtype, shape, bytes: new Uint8Array(BIG_NUMBERS[dtype].from(values.map(BigInt)).buffer) };
  }
  const kind = dtype as keyof typeof NUMBERS;
  return { dtype: kind, shape, bytes: new Uint8Array(NUMBERS[kind].from(values.map(Number)).buffer) };
}

/** A tensor whose bytes can be compared whatever they are views of. */
function plain(tensor: Tensor): unknown {
  if (tensor.dtype === "string") return { ...tensor, strings: tensor.strings.map((string) => [...string]) };
  return { ...tensor, bytes: [...tensor.bytes] };
}

for (const { name, source, inputs, body, ...expected } of requests) {
  Deno.test(`a request: ${name} (${source})`, () => {
    const specs = Object.entries(inputs).map(([name, dtype]) => ({ name, dtype: dtype as DType }));
    const signatures = new Map([["serving_default", specs], ["predict_images", specs]]);
    const decode = () => decodePredictBody(encoder.encode(body), { signatures });
    if (expected.error !== undefined) {
      assert.throws(decode, (error) => {
        assert(error instanceof ServingError);
        assert.equal(error.message, expected.error);
        return true;
      });
      return;
    }
    const decoded = decode();
    assert.equal(decoded.format, expected.format);
    assert.equal(decoded.signatureName, expected.signatureName);
    const tensors = Object.entries(expected.tensors as unknown as Record<string, WrittenTensor>);
    assert.deepEqual(
      decoded.inputs.map(({ name, tensor }) => [name, plain(tensor)]),
      tensors.map(([name, tensor]) => [name, plain(toTensor(tensor))]),
    );
  });
}

for (const { name, source, format, outputs, text, error } of replies) {
  Deno.test(`a reply: ${name} (${source})`, () => {
    const tensors: NamedTensor[] = Object.entries(outputs as unknown as Record<string, WrittenTensor>)
      .map(([name, tensor]) => ({ name, tensor: toTensor(tensor) }));
    const encode = () => new TextDecoder().decode(encodePredictBody(tensors, format as JsonFormat));
    if (error === undefined) assert.equal(encode(), text);
    else assert.throws(encode, { name: "ServingError", message: error });
  });
}
