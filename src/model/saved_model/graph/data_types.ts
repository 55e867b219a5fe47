/**
 * TensorFlow's numbers for element types (tensorflow/core/framework/types.proto) and the dtypes they stand for.
 *
 * @module
 */
import type { DType } from "../../../base/tensor.ts";

/** The element types that graphs here are built with or tested for. */
export const DT = {
  FLOAT: 1,
  DOUBLE: 2,
  INT32: 3,
  STRING: 7,
  INT64: 9,
  BOOL: 10,
  RESOURCE: 20,
  VARIANT: 21,
} as const;

const DTYPES: ReadonlyMap<number, DType> = new Map<number, DType>([
  [DT.FLOAT, "f32"],
  [DT.DOUBLE, "f64"],
  [DT.INT32, "i32"],
  [4, "u8"],
  [5, "i16"],
  [6, "i8"],
  [DT.STRING, "string"],
  [DT.INT64, "i64"],
  [DT.BOOL, "bool"],
  [14, "bf16"],
  [17, "u16"],
  [19, "f16"],
  [22, "u32"],
  [23, "u64"],
]);

const NUMBERS: ReadonlyMap<DType, number> = new Map([...DTYPES].map(([number, dtype]) => [dtype, number]));

const NAMES: Readonly<Record<number, string>> = {
  8: "DT_COMPLEX64",
  11: "DT_QINT8",
  12: "DT_QUINT8",
  13: "DT_QINT32",
  15: "DT_QINT16",
  16: "DT_QUINT16",
  18: "DT_COMPLEX128",
  20: "DT_RESOURCE",
  21: "DT_VARIANT",
};

/** A reference type (`DT_FLOAT_REF`) is the type it refers to, plus this. */
const REF_OFFSET = 100;

/** The dtype of a TensorFlow element type, reference or not; undefined for one that no tensor here can have. */
export function dtypeOf(dataType: number): DType | undefined {
  return DTYPES.get(dataType > REF_OFFSET ? dataType - REF_OFFSET : dataType);
}

/** TensorFlow's number of a dtype. */
export function dataTypeOf(dtype: DType): number {
  return NUMBERS.get(dtype) as number;
}

/** TensorFlow's name of an element type without a dtype, for error messages. */
export function dataTypeName(dataType: number): string {
  return NAMES[dataType] ?? `the data type ${dataType}`;
}
