/**
 * Converts inputs of another dtype than the signature's, for clients of ie_serving, where numpy did so. No value may change beyond
 * rounding.
 *
 * @module
 */
import { checkTensors, type TensorSpec } from "../base/signature.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { NumericTensor, Tensor } from "../base/tensor.ts";
import { elementMemory, numbersOf } from "../base/tensor_numbers.ts";

/** The dtypes that inputs are converted to. */
const TARGETS = {
  f16: Float16Array,
  f32: Float32Array,
  f64: Float64Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
} as const;

type Target = keyof typeof TARGETS;

/**
 * Converts the inputs whose dtype is not that of their spec: to the nearest floating point number, ties to even, or to the same
 * integer. Strings, and dtypes that are not converted to, stay as they are.
 *
 * @param inputs in the order of `specs`; those that are converted are replaced by tensors with memory of their own.
 * @throws {ServingError} INVALID_ARGUMENT for a shape that does not fit the spec, before memory is taken; for a value that is out of
 * range, or has a fraction that an integer cannot hold.
 */
export function convertInputs(specs: readonly TensorSpec[], inputs: Tensor[]): void {
  for (let i = 0; i < specs.length; i++) {
    const spec = specs[i] as TensorSpec;
    const input = inputs[i] as Tensor;
    if (input.dtype === spec.dtype || input.dtype === "string" || !isTarget(spec.dtype)) continue;
    checkTensors([{ ...spec, dtype: input.dtype, isNarrow: false }], [input]);
    inputs[i] = convert(input, spec.dtype, spec.name);
  }
}

function isTarget(dtype: string): dtype is Target {
  return Object.hasOwn(TARGETS, dtype);
}

function convert(input: NumericTensor, dtype: Target, name: string): NumericTensor {
  if (dtype === "i64" || dtype === "u64") return toWideIntegers(input, dtype, name);
  const values = isWide(input) ? roundable(input, dtype) : numbersOf(input);
  const converted = new TARGETS[dtype](values);
  const isFloat = dtype.startsWith("f");
  for (let i = 0; i < converted.length; i++) {
    const value = values[i] as number;
    if (converted[i] === value || isFloat && (Number.isFinite(converted[i]) || !Number.isFinite(value))) continue;
    throw unfit(value, { name, from: input.dtype, to: dtype });
  }
  return { dtype, shape: input.shape, bytes: new Uint8Array(converted.buffer) };
}

function toWideIntegers(input: NumericTensor, dtype: "i64" | "u64", name: string): NumericTensor {
  const values = isWide(input) ? new BigInt64Array(...elementMemory(input)) : numbersOf(input);
  const converted = new TARGETS[dtype](values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number | bigint;
    // From one dtype of 64 bits to the other, what is negative when read with a sign is beyond the other's range.
    const fits = typeof value === "bigint" ? value >= 0n : Number.isInteger(value) && isInRange(value, dtype);
    if (!fits) throw unfit(value, { name, from: input.dtype, to: dtype });
    converted[i] = BigInt(value);
  }
  return { dtype, shape: input.shape, bytes: new Uint8Array(converted.buffer) };
}

function isInRange(value: number, dtype: "i64" | "u64"): boolean {
  return dtype === "i64" ? value >= -(2 ** 63) && value < 2 ** 63 : value >= 0 && value < 2 ** 64;
}

function isWide({ dtype }: NumericTensor): boolean {
  return dtype === "i64" || dtype === "u64";
}

/** Numbers that round to what the 64-bit integers themselves round to, in a narrower dtype. */
function roundable(input: NumericTensor, dtype: Target): Float64Array {
  const integers = input.dtype === "i64"
    ? new BigInt64Array(...elementMemory(input))
    : new BigUint64Array(...elementMemory(input));
  const words = new Uint32Array(integers.buffer, integers.byteOffset, 2 * integers.length);
  const signed = new Int32Array(words.buffer, words.byteOffset, words.length);
  const values = new Float64Array(integers.length);
  for (let i = 0; i < values.length; i++) {
    // Two words make an exact number up to 2^53, without a bigint for each element.
    const upper = (input.dtype === "i64" ? signed : words)[2 * i + 1] as number;
    const isExact = upper >= -(2 ** 21) && upper < 2 ** 21;
    if (isExact) values[i] = upper * 2 ** 32 + (words[2 * i] as number);
    else values[i] = dtype === "f64" ? Number(integers[i]) : roundedToOdd(integers[i] as bigint);
  }
  return values;
}

/** Rounds to a multiple of 2^11, to an odd one unless it is exact: rounding that once more does no harm. */
function roundedToOdd(integer: bigint): number {
  const isExact = BigInt.asUintN(11, integer) === 0n;
  return Number(integer >> 11n | (isExact ? 0n : 1n)) * 2048;
}

function unfit(value: number | bigint, { name, from, to }: { name: string; from: string; to: string }): ServingError {
  return new ServingError(
    CODE.INVALID_ARGUMENT,
    `Invalid input value - Expected: a number that fits ${to}, to which --convert_inputs converts ${from}; ` +
      `Actual: ${value}; input name: ${name}`,
  );
}
