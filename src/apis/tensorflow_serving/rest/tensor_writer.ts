/**
 * Tensors into JSON (tensorflow_serving/util/json_tensor.cc, `AddTensorValues`): lists nested as the shape says, numbers straight from
 * the tensor's memory.
 *
 * @module
 */
import { DTYPE_BYTES, type NumericTensor, type StringTensor, type Tensor } from "../../../base/tensor.ts";
import { encodeBase64 } from "../../../json/base64.ts";
import type { JsonWriter, PutNumber } from "../../../json/json_writer.ts";

/** Strings in tensors whose names end so are bytes rather than text, and written in base64. */
const BYTES_NAME_SUFFIX = "_bytes";
/** Writes a tensor's elements in their order, as many in one go as the caller likes. */
export class TensorWriter {
  readonly #writer: JsonWriter;
  readonly #tensor: Tensor;
  readonly #putNumber: PutNumber | undefined;
  readonly #areStringsBytes: boolean;
  #index = 0;

  /** @param output.tensor borrowed until the last element is written. */
  constructor(writer: JsonWriter, output: { readonly name: string; readonly tensor: Tensor }) {
    this.#writer = writer;
    this.#tensor = output.tensor;
    this.#putNumber = output.tensor.dtype === "string" ? undefined : putterOf(output.tensor);
    this.#areStringsBytes = output.name.endsWith(BYTES_NAME_SUFFIX);
  }

  /** Writes the elements that come next as a value of this shape: a list of lists, or one element by itself. */
  write(shape: readonly number[]): void {
    this.#writeAxis(shape, 0);
  }

  #writeAxis(shape: readonly number[], axis: number): void {
    if (axis === shape.length) return this.#writeElements(1);
    const size = shape[axis] as number;
    this.#writer.startArray();
    if (axis === shape.length - 1) {
      this.#writeElements(size);
    } else {
      for (let i = 0; i < size; i++) this.#writeAxis(shape, axis + 1);
    }
    this.#writer.endArray();
  }

  #writeElements(count: number): void {
    const put = this.#putNumber;
    if (put === undefined) {
      const { strings } = this.#tensor as StringTensor;
      for (let i = 0; i < count; i++) this.#writeString(strings[this.#index++] as Uint8Array);
      return;
    }
    this.#writer.numbers({ from: this.#index, count }, put);
    this.#index += count;
  }

  #writeString(bytes: Uint8Array): void {
    const writer = this.#writer;
    if (!this.#areStringsBytes) return writer.string(bytes);
    writer.startObject();
    writer.name("b64");
    writer.raw(`"${encodeBase64(bytes)}"`);
    writer.endObject();
  }
}

/** How an element of a tensor is written. */
function putterOf(tensor: NumericTensor): PutNumber {
  const { dtype } = tensor;
  switch (dtype) {
    case "f64": {
      const array = new Float64Array(...memory(tensor));
      return (numbers, index) => numbers.double(array[index] as number);
    }
    case "f32": {
      const array = new Float32Array(...memory(tensor));
      return (numbers, index) => numbers.float(array[index] as number);
    }
    case "f16": {
      const array = new Float16Array(...memory(tensor));
      return (numbers, index) => numbers.float(array[index] as number);
    }
    case "bf16": {
      const array = new Uint16Array(...memory(tensor));
      const float = new Float32Array(1);
      const bits = new Uint32Array(float.buffer);
      return (numbers, index) => {
        bits[0] = (array[index] as number) << 16;
        numbers.float(float[0] as number);
      };
    }
    case "i64":
    case "u64": {
      const array = new (dtype === "i64" ? BigInt64Array : BigUint64Array)(...memory(tensor));
      return (numbers, index) => numbers.bigInteger(array[index] as bigint);
    }
    case "bool": {
      const array = tensor.bytes;
      return (numbers, index) => numbers.text(array[index] === 0 ? "false" : "true");
    }
    default: {
      const array = new INTEGER_ARRAYS[dtype](...memory(tensor));
      return (numbers, index) => numbers.integer(array[index] as number);
    }
  }
}

const INTEGER_ARRAYS = {
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
} as const;

/** A tensor's memory for a typed array: where it lies, or a copy where elements would not lie on their own boundaries. */
function memory({ dtype, bytes }: NumericTensor): [buffer: ArrayBuffer, byteOffset: number, length: number] {
  const elementBytes = DTYPE_BYTES[dtype];
  const length = Math.floor(bytes.byteLength / elementBytes);
  const aligned = bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();
  return [aligned.buffer as ArrayBuffer, aligned.byteOffset, length];
}
