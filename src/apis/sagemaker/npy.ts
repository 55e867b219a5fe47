/**
 * Decodes arrays in NumPy's file format, as written by `np.save` (numpy.lib.format, versions 1 to 3).
 *
 * @module
 */
import { CODE, ServingError } from "../../base/status.ts";
import { type DType, DTYPE_BYTES, elementCount, type NumericDType, type NumericTensor } from "../../base/tensor.ts";

const MAGIC = "\x93NUMPY";
/** Magic and version. */
const PREFIX_BYTES = 8;
const HEADER_REGEXP =
  /^\{\s*'descr':\s*'([<>|=][a-z]\d+)',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}\s*$/;

const DTYPES: ReadonlyMap<string, NumericDType> = new Map([
  ["<f2", "f16"],
  ["<f4", "f32"],
  ["<f8", "f64"],
  ["|i1", "i8"],
  ["<i2", "i16"],
  ["<i4", "i32"],
  ["<i8", "i64"],
  ["|u1", "u8"],
  ["<u2", "u16"],
  ["<u4", "u32"],
  ["<u8", "u64"],
  ["|b1", "bool"],
]);

type NumberArray = new (buffer: ArrayBuffer) => ArrayLike<number | bigint>;

const ARRAYS: Readonly<Partial<Record<NumericDType, NumberArray>>> = {
  f16: Float16Array,
  f32: Float32Array,
  f64: Float64Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
};

const POINT_ARRAYS = { f16: Float16Array, f32: Float32Array, f64: Float64Array } as const;

/**
 * Decodes a file.
 *
 * @param wanted the model's dtype. Numbers are converted to it if it is a floating-point type, because Python's numbers are doubles.
 * @returns a new tensor, in that dtype or in the file's.
 * @throws {ServingError} INVALID_ARGUMENT if the bytes are no such file, or have Fortran's order or an unsupported type.
 */
export function decodeNpy(file: Uint8Array, wanted: DType): NumericTensor {
  const { descr, shape, data } = readHeader(file);
  const dtype = DTYPES.get(descr);
  if (dtype === undefined) throw invalid(`its type ${descr} is not supported`);
  const byteLength = elementCount(shape) * DTYPE_BYTES[dtype];
  if (data.length !== byteLength) throw invalid(`it has ${data.length} bytes of data, expected ${byteLength}`);
  // A copy is aligned for any element.
  const bytes = data.slice();
  if (dtype === wanted || (wanted !== "f16" && wanted !== "f32" && wanted !== "f64")) return { dtype, shape, bytes };
  const numbers = Array.from(new (ARRAYS[dtype] ?? Uint8Array)(bytes.buffer), Number);
  return { dtype: wanted, shape, bytes: new Uint8Array(POINT_ARRAYS[wanted].from(numbers).buffer) };
}

function readHeader(file: Uint8Array): { descr: string; shape: number[]; data: Uint8Array } {
  const latin1 = new TextDecoder("latin1");
  // The label latin1 means windows-1252, which maps the magic's first byte to another character.
  const isNpy = file[0] === 0x93 && latin1.decode(file.subarray(1, MAGIC.length)) === MAGIC.slice(1);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const major = file[MAGIC.length] ?? 0;
  const lengthBytes = major === 1 ? 2 : 4;
  if (!isNpy || major < 1 || major > 3 || file.length < PREFIX_BYTES + lengthBytes) throw invalid("it has no header");
  const length = major === 1 ? view.getUint16(PREFIX_BYTES, true) : view.getUint32(PREFIX_BYTES, true);
  const start = PREFIX_BYTES + lengthBytes;
  const match = HEADER_REGEXP.exec(latin1.decode(file.subarray(start, start + length)));
  if (match === null) throw invalid("its header cannot be read");
  const [, descr = "", isFortran, sizes = ""] = match;
  if (isFortran === "True") throw invalid("it is in Fortran's order; np.ascontiguousarray converts it");
  const shape = sizes.split(",").map((size) => size.trim()).filter((size) => size !== "").map(Number);
  return { descr, shape, data: file.subarray(start + length) };
}

function invalid(reason: string): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `The body is not an array in NumPy's format: ${reason}`);
}
