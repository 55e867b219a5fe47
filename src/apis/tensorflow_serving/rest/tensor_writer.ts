/**
 * Writes tensors as JSON (tensorflow_serving/util/json_tensor.cc, `AddTensorValues`): lists nested by the shape, numbers straight from
 * the tensor's memory.
 *
 * @module
 */
import type { StringTensor, Tensor } from "../../../base/tensor.ts";
import { encodeBase64 } from "../../../json/base64.ts";
import { putterOf } from "../../../json/element_writer.ts";
import type { JsonWriter, PutNumber } from "../../../json/json_writer.ts";

/** Strings of tensors with this suffix are bytes rather than text, and are written in base64. */
const BYTES_NAME_SUFFIX = "_bytes";

/** Writes a tensor's elements in order, in as many steps as the caller likes. */
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

  /** Writes the next elements as a value of this shape: nested lists, or a single element. */
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
