/**
 * What TensorProtos stand for, and what is refused, as data, like cases.ts. Most of it only gRPC can say.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { DType } from "../../../../src/base/tensor.ts";
import { type ContractCase, floats, type PlainSpec, type PlainTensor } from "./contract_case.ts";

const FROM_PROTO = "tensorflow/core/framework/tensor.cc FromProto";
const VALIDATION = "TensorFlow's kernels; the sentence is model_server's (predict_request_validation_utils.hpp)";
const HALF: PlainSpec = { name: "half_plus_two" };
const SHAPES: PlainSpec = { name: "shapes" };
const ONE_SHAPE = { dim: [{ size: "1" }] };

function shape(...sizes: number[]): { dim: { size: string }[] } {
  return { dim: sizes.map((size) => ({ size: String(size) })) };
}

/** A Predict on half_plus_two with a TensorProto as it stands. */
function half(name: string, proto: Record<string, unknown>, answer: readonly number[] | string): ContractCase {
  return {
    name,
    source: FROM_PROTO,
    request: { api: "predict", spec: HALF, inputs: { x: { proto } } },
    answer: typeof answer === "string"
      ? { code: "INVALID_ARGUMENT", message: answer }
      : { outputs: { y: floats(...answer) } },
  };
}

function bytesOf(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

/** The many ways to write a tensor. */
const ENCODING_CASES: readonly ContractCase[] = [
  half("tensor_content", { dtype: "DT_FLOAT", tensor_shape: shape(2), tensor_content: bytesOf(2, 4) }, [3, 4]),
  half("the dtype's own field", { dtype: "DT_FLOAT", tensor_shape: shape(2), float_val: [2, 4] }, [3, 4]),
  half("one value fills the shape", { dtype: "DT_FLOAT", tensor_shape: shape(3), float_val: [2] }, [3, 3, 3]),
  half("the last of too few values fills the rest", {
    dtype: "DT_FLOAT",
    tensor_shape: shape(3),
    float_val: [2, 4],
  }, [3, 4, 4]),
  half("of too many values the first count", { dtype: "DT_FLOAT", tensor_shape: shape(1), float_val: [2, 4] }, [3]),
  half("no values at all are zeros", { dtype: "DT_FLOAT", tensor_shape: shape(2) }, [2, 2]),
  half("values of another dtype's field are none", {
    dtype: "DT_FLOAT",
    tensor_shape: shape(1),
    double_val: [9],
  }, [2]),
  half("a tensor of no elements", { dtype: "DT_FLOAT", tensor_shape: shape(0) }, []),
  half("content counts before values", {
    dtype: "DT_FLOAT",
    tensor_shape: shape(1),
    tensor_content: bytesOf(2),
    float_val: [8],
  }, [3]),
  half("content of another size", {
    dtype: "DT_FLOAT",
    tensor_shape: shape(2),
    tensor_content: bytesOf(2),
  }, "tensor parsing error: x"),
  half("a negative dimension", {
    dtype: "DT_FLOAT",
    tensor_shape: shape(-1),
    float_val: [2],
  }, "tensor parsing error: x"),
  half("a shape of no known rank is that of a scalar", {
    dtype: "DT_FLOAT",
    tensor_shape: { unknown_rank: true },
    float_val: [2],
  }, "Invalid number of shape dimensions - Expected: (-1); Actual: (); input name: x"),
  half("a tensor without a dtype", { tensor_shape: ONE_SHAPE, float_val: [2] }, "tensor parsing error: x"),
  half("a dtype there is none of here", {
    dtype: "DT_COMPLEX64",
    tensor_shape: ONE_SHAPE,
    scomplex_val: [1, 2],
  }, "Tensor x has dtype DT_COMPLEX64, which is not supported"),
];

/** Tensors that are not what the model takes. */
const MISMATCH_CASES: readonly ContractCase[] = [
  {
    name: "another dtype",
    source: VALIDATION,
    request: { api: "predict", spec: HALF, inputs: { x: { dtype: "i32", shape: [1], values: [1] } } },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "Invalid input precision - Expected: FP32; Actual: I32; input name: x",
    },
  },
  {
    name: "strings for numbers",
    source: VALIDATION,
    request: { api: "predict", spec: HALF, inputs: { x: { dtype: "string", shape: [1], values: ["a"] } } },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "Invalid input precision - Expected: FP32; Actual: STRING; input name: x",
    },
  },
  {
    name: "another rank",
    source: VALIDATION,
    request: { api: "predict", spec: HALF, inputs: { x: { dtype: "f32", shape: [1, 1], values: [1] } } },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "Invalid number of shape dimensions - Expected: (-1); Actual: (1,1); input name: x",
    },
    rest: true,
  },
  {
    name: "a scalar where there is an axis",
    source: VALIDATION,
    request: { api: "predict", spec: HALF, inputs: { x: { dtype: "f32", shape: [], values: [1] } } },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "Invalid number of shape dimensions - Expected: (-1); Actual: (); input name: x",
    },
    rest: true,
  },
  {
    name: "a size out of bounds",
    source: VALIDATION,
    request: {
      api: "predict",
      spec: SHAPES,
      inputs: {
        scalar: { dtype: "f32", shape: [], values: [1] },
        bounded: { dtype: "f32", shape: [4, 2], values: Array(8).fill(1) },
      },
    },
    answer: {
      code: "INVALID_ARGUMENT",
      message: "Invalid input shape - Expected: ([1..3],2); Actual: (4,2); input name: bounded",
    },
    rest: true,
  },
  {
    name: "a scalar and a matrix",
    source: FROM_PROTO,
    request: {
      api: "predict",
      spec: SHAPES,
      inputs: {
        bounded: { dtype: "f32", shape: [2, 2], values: [1, 2, 3, 4] },
        scalar: { dtype: "f32", shape: [], values: [6] },
      },
    },
    answer: {
      outputs: {
        scalar_out: { dtype: "f32", shape: [], values: [7] },
        bounded_out: { dtype: "f32", shape: [2, 2], values: [2, 3, 4, 5] },
      },
    },
    rest: true,
  },
];

/** Values of each dtype at its bounds, which `mixed` hands back as they are. */
const MIXED: Readonly<Record<string, PlainTensor>> = {
  f16: { dtype: "f16", shape: [2], values: [1.5, -65504] },
  bf16: { dtype: "bf16", shape: [2], values: [1.5, -(2 ** 127)] },
  f32: { dtype: "f32", shape: [2], values: [0.25, -(2 ** 127)] },
  f64: { dtype: "f64", shape: [2], values: [0.1, -1e300] },
  i8: { dtype: "i8", shape: [2], values: [-128, 127] },
  i16: { dtype: "i16", shape: [2], values: [-32768, 32767] },
  i32: { dtype: "i32", shape: [2], values: [-2147483648, 2147483647] },
  i64: { dtype: "i64", shape: [2], values: [-(2n ** 63n), 2n ** 63n - 1n] },
  u8: { dtype: "u8", shape: [2], values: [0, 255] },
  u16: { dtype: "u16", shape: [2], values: [0, 65535] },
  u32: { dtype: "u32", shape: [2], values: [0, 4294967295] },
  u64: { dtype: "u64", shape: [2], values: [0n, 2n ** 64n - 1n] },
  bool: { dtype: "bool", shape: [2], values: [true, false] },
  string: { dtype: "string", shape: [2], values: ["", "naïve"] },
};

const OVSERVE = "ovserve's own: OpenVINO computes in 32 bits, see docs/differences.md";

/** A Predict on `wide`, which doubles one value of each. */
function wide(name: string, values: { i64?: bigint; u64?: bigint; u32?: number }, message?: string): ContractCase {
  const { i64 = 1n, u64 = 1n, u32 = 1 } = values;
  const tensor = (dtype: DType, value: number | bigint): PlainTensor => ({ dtype, shape: [2], values: [0, value] });
  return {
    name,
    source: OVSERVE,
    request: {
      api: "predict",
      spec: { name: "wide" },
      inputs: { i64: tensor("i64", i64), u64: tensor("u64", u64), u32: tensor("u32", u32) },
    },
    answer: message !== undefined ? { code: "INVALID_ARGUMENT", message } : {
      outputs: {
        i64_out: tensor("i64", 2n * i64),
        u64_out: tensor("u64", 2n * u64),
        u32_out: tensor("u32", 2 * u32),
      },
    },
    rest: true,
  };
}

function outside(name: string, range: string, value: number | bigint): string {
  const dtype = name.toUpperCase();
  return `Invalid input value - Expected: ${range}, since the runtime computes ${dtype} in 32 bits; ` +
    `Actual: ${value}; input name: ${name}`;
}

/** Integers that OpenVINO would compute wrong in silence. */
const RANGE_CASES: readonly ContractCase[] = [
  wide("integers that fit into 32 bits", { i64: -(2n ** 30n), u64: 2n ** 30n - 1n, u32: 2 ** 30 - 1 }),
  wide("an i64 past 32 bits", { i64: 2n ** 33n }, outside("i64", "-2147483648 to 2147483647", 2 ** 33)),
  wide(
    "the least i64",
    { i64: -(2n ** 63n) },
    outside("i64", "-2147483648 to 2147483647", -(2n ** 63n)),
  ),
  wide("a u64 past 31 bits", { u64: 2n ** 31n }, outside("u64", "0 to 2147483647", 2 ** 31)),
  wide("the greatest u64", { u64: 2n ** 64n - 1n }, outside("u64", "0 to 2147483647", 2n ** 64n - 1n)),
  wide("a u32 past 31 bits", { u32: 2 ** 32 - 1 }, outside("u32", "0 to 2147483647", 2 ** 32 - 1)),
];

/** Every dtype there and back. */
const DTYPE_CASES: readonly ContractCase[] = [
  {
    name: "every dtype at its bounds",
    source: `${FROM_PROTO}, AsProtoField`,
    request: { api: "predict", spec: { name: "mixed" }, inputs: MIXED },
    answer: { outputs: MIXED },
    rest: true,
  },
];

/** The cases about tensors. */
export const TENSOR_CASES: readonly ContractCase[] = [
  ...ENCODING_CASES,
  ...MISMATCH_CASES,
  ...RANGE_CASES,
  ...DTYPE_CASES,
];
