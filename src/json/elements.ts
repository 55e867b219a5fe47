/**
 * The elements of a tensor on their way from JSON into memory: a class for each group of dtypes, which fills the array that becomes
 * the tensor.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { type DType, DTYPE_BYTES, type NumericDType, type Tensor } from "../base/tensor.ts";
import { decodeBase64 } from "./base64.ts";
import type { JsonDocument, JsonNode } from "./json_document.ts";
import { KIND } from "./json_parser.ts";

/** Collects elements of one dtype. */
export interface Elements {
  /**
   * Takes the values of successive nodes.
   *
   * @returns the first node that was not taken: `end`, or a value that does not fit the dtype.
   */
  take(document: JsonDocument, start: JsonNode, end: JsonNode): JsonNode;
  /** The tensor of all values taken; owned by the caller. */
  tensor(shape: readonly number[]): Tensor;
}

/** Makes room for at most `capacity` elements. */
export function newElements(dtype: DType, capacity: number): Elements {
  switch (dtype) {
    case "i64":
    case "u64":
      return new LongElements(dtype, capacity);
    case "bool":
      return new BooleanElements(capacity);
    case "string":
      return new StringElements();
    case "bf16":
      return new BrainFloatElements(dtype, capacity);
    default:
      return new NumberElements(dtype, capacity);
  }
}

const ARRAYS = {
  f64: { type: Float64Array, min: -Infinity, max: Infinity },
  f32: { type: Float32Array, min: -Infinity, max: Infinity },
  f16: { type: Float16Array, min: -Infinity, max: Infinity },
  bf16: { type: Float32Array, min: -Infinity, max: Infinity },
  i8: { type: Int8Array, min: -(2 ** 7), max: 2 ** 7 - 1 },
  i16: { type: Int16Array, min: -(2 ** 15), max: 2 ** 15 - 1 },
  i32: { type: Int32Array, min: -(2 ** 31), max: 2 ** 31 - 1 },
  u8: { type: Uint8Array, min: 0, max: 2 ** 8 - 1 },
  u16: { type: Uint16Array, min: 0, max: 2 ** 16 - 1 },
  u32: { type: Uint32Array, min: 0, max: 2 ** 32 - 1 },
} as const;

/** Elements of up to 32 bits, and doubles. */
class NumberElements<D extends keyof typeof ARRAYS> implements Elements {
  readonly #dtype: D;
  readonly #range: { readonly min: number; readonly max: number };
  readonly #isFloat: boolean;
  protected readonly array: InstanceType<typeof ARRAYS[keyof typeof ARRAYS]["type"]>;
  protected count = 0;

  constructor(dtype: D, capacity: number) {
    this.#dtype = dtype;
    this.#range = ARRAYS[dtype];
    this.#isFloat = ARRAYS[dtype].max === Infinity;
    this.array = new ARRAYS[dtype].type(capacity);
  }

  take(document: JsonDocument, start: JsonNode, end: JsonNode): JsonNode {
    const { array } = this;
    const { kinds, numbers } = document;
    const { min, max } = this.#range;
    const kindMax = this.#isFloat ? KIND.NUMBER : KIND.INTEGER;
    let { count } = this;
    let node = start;
    for (; node < end; node++) {
      let value = numbers[node] as number;
      if ((kinds[node] as number) > kindMax) {
        if (!this.#isFloat || kinds[node] !== KIND.LONG) break;
        value = document.number(node) as number;
      }
      // NaN is in the range of floats.
      if (value < min || value > max) break;
      array[count++] = value;
    }
    this.count = count;
    return node;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor(this.#dtype, shape, this.array, this.count);
  }
}

function numericTensor(dtype: NumericDType, shape: readonly number[], array: ArrayBufferView, count: number): Tensor {
  return { dtype, shape, bytes: new Uint8Array(array.buffer as ArrayBuffer, 0, count * DTYPE_BYTES[dtype]) };
}

/** bfloat16: the upper half of a float, rounded to even. */
class BrainFloatElements extends NumberElements<"bf16"> {
  override tensor(shape: readonly number[]): Tensor {
    const words = new Uint32Array(this.array.buffer);
    const halves = Uint16Array.from(words.subarray(0, this.count), (bits) => {
      // A NaN must not be rounded to an infinity.
      return (bits & 0x7fffffff) > 0x7f800000 ? bits >>> 16 | 0x40 : (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
    });
    return numericTensor("bf16", shape, halves, this.count);
  }
}

class LongElements implements Elements {
  readonly #dtype: "i64" | "u64";
  readonly #array: BigInt64Array | BigUint64Array;
  readonly #words: Int32Array;
  #count = 0;

  constructor(dtype: "i64" | "u64", capacity: number) {
    this.#dtype = dtype;
    this.#array = new (dtype === "i64" ? BigInt64Array : BigUint64Array)(capacity);
    this.#words = new Int32Array(this.#array.buffer as ArrayBuffer);
  }

  take(document: JsonDocument, start: JsonNode, end: JsonNode): JsonNode {
    const words = this.#words;
    const { kinds, numbers } = document;
    let node = start;
    for (; node < end; node++) {
      const value = numbers[node] as number;
      if (kinds[node] !== KIND.INTEGER) {
        const integer = document.integer(node);
        if (integer === undefined) break;
        this.#array[this.#count] = integer;
        // A value out of the dtype's range wraps around.
        if (this.#array[this.#count] !== integer) break;
      } else {
        if (value < 0 && this.#dtype === "u64") break;
        // Two words of 32 bits, which is several times faster than a bigint.
        words[this.#count * 2] = value;
        words[this.#count * 2 + 1] = Math.floor(value / 2 ** 32);
      }
      this.#count++;
    }
    return node;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor(this.#dtype, shape, this.#array, this.#count);
  }
}

class BooleanElements implements Elements {
  readonly #array: Uint8Array;
  #count = 0;

  constructor(capacity: number) {
    this.#array = new Uint8Array(capacity);
  }

  take(document: JsonDocument, start: JsonNode, end: JsonNode): JsonNode {
    const { kinds, numbers } = document;
    let node = start;
    for (; node < end && (kinds[node] === KIND.TRUE || kinds[node] === KIND.FALSE); node++) {
      this.#array[this.#count++] = numbers[node] as number;
    }
    return node;
  }

  tensor(shape: readonly number[]): Tensor {
    return numericTensor("bool", shape, this.#array, this.#count);
  }
}

/** Strings, whose bytes are views of the document where nothing is escaped. */
class StringElements implements Elements {
  readonly #strings: Uint8Array[] = [];

  take(document: JsonDocument, start: JsonNode, end: JsonNode): JsonNode {
    let node = start;
    for (; node < end; node = document.next(node)) {
      if (document.isString(node)) {
        this.#strings.push(document.stringBytes(node));
        continue;
      }
      const text = document.base64(node);
      if (text === undefined) break;
      const decoded = decodeBase64(text);
      if (decoded === undefined) throw new ServingError(CODE.INVALID_ARGUMENT, "Unable to base64 decode");
      this.#strings.push(decoded);
    }
    return node;
  }

  tensor(shape: readonly number[]): Tensor {
    return { dtype: "string", shape, strings: this.#strings };
  }
}
