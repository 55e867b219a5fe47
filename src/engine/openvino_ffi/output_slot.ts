/**
 * One output of an infer request: reads it as a tensor from OpenVINO's memory.
 *
 * @module
 */
import {
  type DType,
  DTYPE_BYTES,
  elementCount,
  type NumericDType,
  type NumericTensor,
  type Tensor,
} from "../../base/tensor.ts";
import type { Port } from "../engine.ts";
import { type Library, nativeWords, pointerAt } from "./library.ts";
import { isSameShape, isStatic } from "./ports.ts";
import { checkStringLayout, readStrings } from "./string_memory.ts";
import { STATUS } from "./symbols.ts";

/** Reads one output of an infer request. */
export class OutputSlot {
  readonly #library: Library;
  readonly #request: Deno.PointerObject;
  readonly #index: bigint;
  readonly #dtype: DType;
  readonly #action: string;
  /** `ov_shape_t`, filled at each reading. */
  readonly #shape = nativeWords(2);
  /** Whether the output keeps its place and shape until another input is bound. */
  readonly isStill: boolean;
  #address = 0n;
  #tensor: NumericTensor | undefined;

  /**
   * @param options.request must outlive the use of the slot.
   * @throws {ServingError} UNIMPLEMENTED for strings in a layout that this program cannot read.
   */
  constructor(library: Library, options: { request: Deno.PointerObject; index: number; port: Port }) {
    const { port } = options;
    this.#library = library;
    this.#request = options.request;
    this.#index = BigInt(options.index);
    this.#dtype = port.dtype;
    this.#action = `Cannot read the output ${port.names[0]}`;
    this.isStill = isStatic(port.shape) && port.dtype !== "string";
    if (port.dtype === "string") checkStringLayout(library);
  }

  /**
   * Reads the output of the last inference.
   *
   * @param isBorrowed returns whether an address lies in the caller's memory. A model that passes an input through has its output
   * there; it is copied, since the caller may overwrite it.
   * @returns numbers as a view that is valid until the next inference, the same object as last time if nothing moved; strings as
   * copies.
   */
  read(isBorrowed: (address: bigint) => boolean): Tensor {
    const { symbols } = this.#library;
    const handle = this.#library.outPointer(
      (out) => symbols.ov_infer_request_get_output_tensor_by_index(this.#request, this.#index, out),
      this.#action,
    );
    try {
      const shape = this.#readShape(handle);
      const count = elementCount(shape);
      // An empty tensor may have no memory.
      if (count === 0) return emptyTensor(this.#dtype, shape);
      const pointer = this.#library.outPointer((out) => symbols.ov_tensor_data(handle, out), this.#action);
      if (this.#dtype === "string") return { dtype: "string", shape, strings: readStrings(pointer, count) };
      return this.#view(pointer, { dtype: this.#dtype, shape, isBorrowed });
    } finally {
      symbols.ov_tensor_free(handle);
    }
  }

  #readShape(handle: Deno.PointerObject): number[] {
    const { symbols } = this.#library;
    const status = symbols.ov_tensor_get_shape(handle, this.#shape);
    // The C library has no shape of rank 0 and reports an error for a scalar.
    if (status === STATUS.INVALID_C_PARAM) return [];
    this.#library.check(status, this.#action);
    const rank = Number(this.#shape[0]);
    const shape: number[] = [];
    if (rank > 0) {
      const dimensions = new Deno.UnsafePointerView(pointerAt(this.#shape, 1));
      for (let axis = 0; axis < rank; axis++) shape.push(Number(dimensions.getBigInt64(axis * 8)));
    }
    symbols.ov_shape_free(this.#shape);
    return shape;
  }

  #view(
    pointer: Deno.PointerObject,
    { dtype, shape, isBorrowed }: {
      dtype: NumericDType;
      shape: readonly number[];
      isBorrowed: (address: bigint) => boolean;
    },
  ): NumericTensor {
    const address = BigInt(Deno.UnsafePointer.value(pointer));
    const byteLength = elementCount(shape) * DTYPE_BYTES[dtype];
    if (isBorrowed(address)) {
      return {
        dtype,
        shape,
        bytes: new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, byteLength)).slice(),
      };
    }
    const last = this.#tensor;
    if (last !== undefined && address === this.#address && isSameShape(last.shape, shape)) return last;
    const bytes = new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, byteLength));
    this.#address = address;
    return this.#tensor = { dtype, shape, bytes };
  }
}

function emptyTensor(dtype: DType, shape: readonly number[]): Tensor {
  return dtype === "string" ? { dtype, shape, strings: [] } : { dtype, shape, bytes: new Uint8Array(0) };
}
