/**
 * The Open Inference Protocol's names of element types (specification/protocol/inference_rest.md, "Tensor Data Types") and
 * Triton's BF16 beside the dtypes.
 *
 * @module
 */
import type { DType } from "../../base/tensor.ts";

/** The protocol's name of each dtype. */
export const DATATYPE: Readonly<Record<DType, string>> = {
  bool: "BOOL",
  u8: "UINT8",
  u16: "UINT16",
  u32: "UINT32",
  u64: "UINT64",
  i8: "INT8",
  i16: "INT16",
  i32: "INT32",
  i64: "INT64",
  f16: "FP16",
  f32: "FP32",
  f64: "FP64",
  bf16: "BF16",
  string: "BYTES",
};

const DTYPE: ReadonlyMap<string, DType> = new Map(
  Object.entries(DATATYPE).map(([dtype, datatype]) => [datatype, dtype as DType]),
);

/** The dtype that goes by one of the protocol's names; undefined for any other name. */
export function dtypeOf(datatype: string): DType | undefined {
  return DTYPE.get(datatype);
}

/** All names, for errors. */
export const DATATYPE_NAMES: string = Object.values(DATATYPE).join(", ");
