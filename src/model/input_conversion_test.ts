import assert from "node:assert/strict";
import type { TensorSpec } from "../base/signature.ts";
import type { ServingError } from "../base/status.ts";
import type { NumericDType, NumericTensor, Tensor } from "../base/tensor.ts";
import { numbersOf } from "../base/tensor_numbers.ts";
import { convertInputs } from "./input_conversion.ts";

const spec = (dtype: TensorSpec["dtype"]): TensorSpec => ({
  name: "x",
  tensorName: "x",
  dtype,
  shape: [{ min: 0, max: Infinity }],
});

function tensor(dtype: NumericDType, values: ArrayBufferView & { readonly length: number }): NumericTensor {
  return { dtype, shape: [values.length], bytes: new Uint8Array(values.buffer as ArrayBuffer) };
}

function converted(input: Tensor, dtype: TensorSpec["dtype"]): Tensor {
  const inputs = [input];
  convertInputs([spec(dtype)], inputs);
  return inputs[0] as Tensor;
}

function refusal(input: Tensor, dtype: TensorSpec["dtype"]): string {
  let message = "";
  assert.throws(() => converted(input, dtype), (error: ServingError) => {
    message = error.message;
    return error.code === 3;
  });
  return message;
}

const floats = (input: Tensor): number[] => [...numbersOf(converted(input, "f32") as NumericTensor) as Float32Array];

Deno.test("convertInputs() rounds numbers to the nearest f32, as numpy does", () => {
  assert.deepEqual(floats(tensor("f64", Float64Array.of(0.1, -0, NaN, Infinity, 1e-50))), [
    Math.fround(0.1),
    -0,
    NaN,
    Infinity,
    0,
  ]);
  assert.deepEqual(floats(tensor("i32", Int32Array.of(-5, 2 ** 24 + 1))), [-5, 2 ** 24]);
  assert.deepEqual(floats(tensor("u8", Uint8Array.of(0, 255))), [0, 255]);
  assert.deepEqual(floats(tensor("bool", Uint8Array.of(0, 1))), [0, 1]);
});

Deno.test("convertInputs() rounds 64-bit integers once, not twice", () => {
  // Each is just beyond the middle between two f32, by less than an f64 can show.
  const above = 2n ** 60n + 2n ** 36n + 1n;
  assert.deepEqual(floats(tensor("i64", BigInt64Array.of(7n, -7n, above, -above))), [
    7,
    -7,
    2 ** 60 + 2 ** 37,
    -(2 ** 60) - 2 ** 37,
  ]);
  assert.deepEqual(floats(tensor("u64", BigUint64Array.of(2n ** 64n - 1n, 2n ** 53n))), [2 ** 64, 2 ** 53]);
  const doubles = converted(tensor("i64", BigInt64Array.of(2n ** 53n + 1n, 2n ** 53n + 3n)), "f64");
  assert.deepEqual([...numbersOf(doubles as NumericTensor) as Float64Array], [2 ** 53, 2 ** 53 + 4]);
});

Deno.test("convertInputs() refuses values that change beyond rounding, and names the flag", () => {
  const beyond = "Invalid input value - Expected: a number that fits f32, to which --convert_inputs converts f64; " +
    "Actual: 1e+300; input name: x";
  assert.equal(refusal(tensor("f64", Float64Array.of(1, 1e300)), "f32"), beyond);
  assert.match(refusal(tensor("f32", Float32Array.of(1.5)), "i32"), /Actual: 1.5;/);
  assert.match(refusal(tensor("f32", Float32Array.of(NaN)), "i64"), /Actual: NaN;/);
  assert.match(refusal(tensor("i32", Int32Array.of(300)), "u8"), /Actual: 300;/);
  assert.match(refusal(tensor("i32", Int32Array.of(-1)), "u64"), /Actual: -1;/);
  assert.match(refusal(tensor("u64", BigUint64Array.of(2n ** 63n)), "i64"), /fits i64/);
  assert.match(refusal(tensor("i64", BigInt64Array.of(2n ** 60n)), "i32"), /fits i32/);
});

Deno.test("convertInputs() converts whole numbers to integers", () => {
  const wide = converted(tensor("i32", Int32Array.of(-3, 4)), "i64") as NumericTensor;
  assert.deepEqual([...new BigInt64Array(wide.bytes.buffer as ArrayBuffer)], [-3n, 4n]);
  const narrow = converted(tensor("f64", Float64Array.of(-3, 4)), "i8") as NumericTensor;
  assert.deepEqual([...new Int8Array(narrow.bytes.buffer as ArrayBuffer)], [-3, 4]);
});

Deno.test("convertInputs() leaves matching dtypes, strings and bools alone", () => {
  const same = tensor("f32", Float32Array.of(1));
  assert.equal(converted(same, "f32"), same);
  assert.equal(converted(same, "bool"), same);
  assert.equal(converted(same, "string"), same);
});

Deno.test("convertInputs() checks the shape before it takes memory", () => {
  const huge: NumericTensor = { dtype: "u8", shape: [2 ** 40], bytes: new Uint8Array(8) };
  assert.match(refusal(huge, "f64"), /Invalid content size of tensor/);
  assert.match(refusal({ ...huge, shape: [2, 4] }, "f64"), /Invalid number of shape dimensions/);
});
