/**
 * TensorFlow's numbers and names of element types (tensorflow/core/framework/types.proto), and the dtypes that stand for them here.
 *
 * @module
 */
import type { DType } from "../../../base/tensor.ts";

/** The number of each dtype on the wire. */
export const DATA_TYPE: Readonly<Record<DType, number>> = {
  f32: 1,
  f64: 2,
  i32: 3,
  u8: 4,
  i16: 5,
  i8: 6,
  string: 7,
  i64: 9,
  bool: 10,
  bf16: 14,
  u16: 17,
  f16: 19,
  u32: 22,
  u64: 23,
};

/** The names of the numbers 0 to 33, in order. */
const DATA_TYPE_NAMES = [
  ["INVALID", "FLOAT", "DOUBLE", "INT32", "UINT8", "INT16", "INT8", "STRING", "COMPLEX64", "INT64", "BOOL", "QINT8"],
  ["QUINT8", "QINT32", "BFLOAT16", "QINT16", "QUINT16", "UINT16", "COMPLEX128", "HALF", "RESOURCE", "VARIANT"],
  ["UINT32", "UINT64", "FLOAT8_E5M2", "FLOAT8_E4M3FN", "FLOAT8_E4M3FNUZ", "FLOAT8_E4M3B11FNUZ", "FLOAT8_E5M2FNUZ"],
  ["INT4", "UINT4", "INT2", "UINT2", "FLOAT4_E2M1FN"],
].flat();

/** Added to a type's number for references to tensors of the type. */
const REF_OFFSET = 100;

const DTYPES: readonly (DType | undefined)[] = (() => {
  const dtypes: (DType | undefined)[] = new Array(DATA_TYPE_NAMES.length).fill(undefined);
  for (const dtype of Object.keys(DATA_TYPE) as DType[]) dtypes[DATA_TYPE[dtype]] = dtype;
  return dtypes;
})();

/** The dtype of a number on the wire; undefined for types that no model here can have. */
export function dtypeOf(dataType: number): DType | undefined {
  return DTYPES[dataType];
}

/** A number's name, such as `DT_FLOAT`; the number itself if TensorFlow has no name for it. */
export function dataTypeName(dataType: number): string {
  const name = DATA_TYPE_NAMES[dataType];
  if (name !== undefined) return `DT_${name}`;
  const referred = DATA_TYPE_NAMES[dataType - REF_OFFSET];
  return referred === undefined || dataType === REF_OFFSET ? String(dataType) : `DT_${referred}_REF`;
}
