/**
 * The elements of a tensor on their way from JSON into memory: one class a kind of dtype, each straight into the array that
 * becomes the tensor.
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import { type DType, DTYPE_BYTES, type NumericDType, type Tensor } from "../../../base/tensor.ts";
import { decodeBase64 } from "../../../json/base64.ts";
import { isNumberStart, type JsonReader } from "../../../json/json_reader.ts";
import { CHARACTER } from "../../../json/json_syntax.ts";

/** Collects elements of one dtype. */
export interface Elements {
  /**
   * Takes the next values of an array, or the one value there is.
   *
   * @returns how many were taken: fewer than `count` where the reader has come to a value that is none of this dtype.
   */
  take(reader: JsonReader, count: number): number;
  /** The tensor of all that was taken; owned by the caller. */
  tensor(shape: readonly number[]): Tensor;
}

/** Makes room for elements. No more than `capacity` of them are kept. */
export function newElements(dtype: DType, capacity: number): Elements {
  switch (dtype) {
    case "f32":
      return new FloatElements(dtype, new Float32Array(capacity));
    case "f64":
      return new FloatElements(dtype, new Float64Array(capacity));
    case "f16":
      return new FloatElements(dtype, new Float16Array(capacity));
    case "bf16":
      return new BrainFloatElements(capacity);
    case "i64":
      return new BigElements(dtype, new BigInt64Array(capacity));
    case "u64":
      return new BigElements(dtype, new BigUint64Array(capacity));
    case "bool":
      return new BooleanElements(capacity);
    case "string":
      return new StringElements();
    default:
      return new IntegerElements(dtype, capacity);
  }
}

function numericTensor(
  dtype: NumericDType,
  shape: readonly number[],
  { array, count }: { array: ArrayBufferView; count: number },
): Tensor {
  const bytes = new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, count * DTYPE_BYTES[dtype]);
  return { dtype, shape, bytes };
}

class FloatElements implements Elements {
  readonly #dtype: NumericDType;
  readonly #array: Float16Array | Float32Array | Float64Array;
  #count = 0;

  constructor(dtype: NumericDType, array: Float16Array | Float32Array | Float64Array) {
    this.#dtype = dtype;
    this.#array = array;
  }

  take(reader: JsonReader, count: number): number {
    const array = this.#array;
    const start = this.#count;
    for (let i = 0; i < count; i++) {
      if (!isNumberStart(reader.peek())) return i;
      array[start + i] = reader.readNumber();
    }
    this.#count += count;
    return count;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor(this.#dtype, shape, { array: this.#array, count: this.#count });
  }
}

class BrainFloatElements implements Elements {
  readonly #array: Uint16Array;
  readonly #float = new Float32Array(1);
  readonly #bits = new Uint32Array(this.#float.buffer);
  #count = 0;

  constructor(capacity: number) {
    this.#array = new Uint16Array(capacity);
  }

  take(reader: JsonReader, count: number): number {
    for (let i = 0; i < count; i++) {
      if (!isNumberStart(reader.peek())) return i;
      const value = reader.readNumber();
      this.#float[0] = value;
      const bits = this.#bits[0] as number;
      // Half to even; what is no number must not be rounded to an infinity.
      const rounded = value === value ? (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16 : bits >>> 16 | 0x40;
      this.#array[this.#count++] = rounded;
    }
    return count;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor("bf16", shape, { array: this.#array, count: this.#count });
  }
}

type SmallIntegerDType = "i8" | "i16" | "i32" | "u8" | "u16" | "u32";

const INTEGER_ARRAYS = {
  i8: { type: Int8Array, min: -(2 ** 7), max: 2 ** 7 - 1 },
  i16: { type: Int16Array, min: -(2 ** 15), max: 2 ** 15 - 1 },
  i32: { type: Int32Array, min: -(2 ** 31), max: 2 ** 31 - 1 },
  u8: { type: Uint8Array, min: 0, max: 2 ** 8 - 1 },
  u16: { type: Uint16Array, min: 0, max: 2 ** 16 - 1 },
  u32: { type: Uint32Array, min: 0, max: 2 ** 32 - 1 },
} as const;

class IntegerElements implements Elements {
  readonly #dtype: SmallIntegerDType;
  readonly #array: Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;
  #count = 0;

  constructor(dtype: SmallIntegerDType, capacity: number) {
    this.#dtype = dtype;
    this.#array = new INTEGER_ARRAYS[dtype].type(capacity);
  }

  take(reader: JsonReader, count: number): number {
    const array = this.#array;
    const start = this.#count;
    const { min, max } = INTEGER_ARRAYS[this.#dtype];
    for (let i = 0; i < count; i++) {
      reader.peek();
      const { position } = reader;
      const value = reader.readInteger();
      if (!(value >= min && value <= max)) {
        reader.position = position;
        return i;
      }
      array[start + i] = value;
    }
    this.#count += count;
    return count;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor(this.#dtype, shape, { array: this.#array, count: this.#count });
  }
}

const BIG_RANGES = {
  i64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  u64: { min: 0n, max: 2n ** 64n - 1n },
} as const;

class BigElements implements Elements {
  readonly #dtype: "i64" | "u64";
  readonly #array: BigInt64Array | BigUint64Array;
  readonly #words: Int32Array;
  #count = 0;

  constructor(dtype: "i64" | "u64", array: BigInt64Array | BigUint64Array) {
    this.#dtype = dtype;
    this.#array = array;
    this.#words = new Int32Array(array.buffer as ArrayBuffer);
  }

  take(reader: JsonReader, count: number): number {
    const words = this.#words;
    const isUnsigned = this.#dtype === "u64";
    for (let i = 0; i < count; i++) {
      reader.peek();
      const { position } = reader;
      const value = reader.readInteger();
      if (value === value && !(isUnsigned && value < 0)) {
        // Two words of 32 bits, which is several times faster than by way of a bigint.
        words[this.#count * 2] = value;
        words[this.#count * 2 + 1] = Math.floor(value / 2 ** 32);
        this.#count++;
      } else if (value === value) {
        reader.position = position;
        return i;
      } else if (!this.#takeBig(reader)) {
        return i;
      }
    }
    return count;
  }

  #takeBig(reader: JsonReader): boolean {
    const { position } = reader;
    const value = reader.readBigInteger();
    const { min, max } = BIG_RANGES[this.#dtype];
    if (value === undefined || value < min || value > max) {
      reader.position = position;
      return false;
    }
    this.#array[this.#count++] = value;
    return true;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor(this.#dtype, shape, { array: this.#array, count: this.#count });
  }
}

class BooleanElements implements Elements {
  readonly #array: Uint8Array;
  #count = 0;

  constructor(capacity: number) {
    this.#array = new Uint8Array(capacity);
  }

  take(reader: JsonReader, count: number): number {
    for (let i = 0; i < count; i++) {
      const character = reader.peek();
      if (character !== CHARACTER.LOWER_T && character !== CHARACTER.LOWER_F) return i;
      reader.skip();
      this.#array[this.#count++] = character === CHARACTER.LOWER_T ? 1 : 0;
    }
    return count;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor("bool", shape, { array: this.#array, count: this.#count });
  }
}

/** Strings, whose bytes are views of the document where nothing is escaped. */
class StringElements implements Elements {
  readonly #strings: Uint8Array[] = [];

  take(reader: JsonReader, count: number): number {
    for (let i = 0; i < count; i++) {
      if (reader.peek() === CHARACTER.QUOTE) {
        this.#strings.push(reader.readBytes());
        continue;
      }
      const text = reader.readBase64Text();
      if (text === undefined) return i;
      const decoded = decodeBase64(text);
      if (decoded === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Unable to base64 decode");
      this.#strings.push(decoded);
    }
    return count;
  }

  tensor(shape: readonly number[]): Tensor {
    return { dtype: "string", shape, strings: this.#strings };
  }
}
