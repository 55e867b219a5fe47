/**
 * TensorFlow's names of dtypes, as in its error texts and its JSON (tensorflow/core/framework/types.proto).
 *
 * @module
 */
import type { DType } from "../base/tensor.ts";

const NAMES: Readonly<Record<DType, string>> = {
  f16: "DT_HALF",
  bf16: "DT_BFLOAT16",
  f32: "DT_FLOAT",
  f64: "DT_DOUBLE",
  i8: "DT_INT8",
  i16: "DT_INT16",
  i32: "DT_INT32",
  i64: "DT_INT64",
  u8: "DT_UINT8",
  u16: "DT_UINT16",
  u32: "DT_UINT32",
  u64: "DT_UINT64",
  bool: "DT_BOOL",
  string: "DT_STRING",
};

/** Returns TensorFlow's name: `DT_FLOAT`. */
export function dataTypeName(dtype: DType): string {
  return NAMES[dtype];
}
