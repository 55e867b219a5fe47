/**
 * One input of an infer request: the memory that OpenVINO reads it from, and the cheapest way to get a tensor there.
 *
 * @module
 */
import { assert, CODE } from "../../base/status.ts";
import {
  type DType,
  DTYPE_BYTES,
  elementCount,
  type NumericTensor,
  type StringTensor,
  type Tensor,
} from "../../base/tensor.ts";
import type { Port } from "../engine.ts";
import { addressOf, type Library, NativeShape } from "./library.ts";
import { isSameShape } from "./ports.ts";
import { checkStringLayout, writeStrings } from "./string_memory.ts";
import { ELEMENT_TYPE } from "./symbols.ts";

/** Up to this size, copying into bound memory costs less than binding the caller's (see infer_request_bench.ts). */
const COPY_BYTES_MAX = 64 * 1024;
/** The alignment of our own memory: a cache line, which suits OpenVINO's vector code best. */
const ALIGNMENT = 64;

/**
 * Binds tensors to one input of an infer request.
 *
 * OpenVINO keeps the address of the tensor bound last. Our own memory stays bound between inferences, so a small tensor of the same
 * shape is copied without a native call. A large tensor is bound in place. Its array stays referenced here until the next binding,
 * though its owner may reuse it: OpenVINO does not read it again before that.
 */
export class InputSlot {
  readonly #library: Library;
  readonly #request: Deno.PointerObject;
  readonly #index: bigint;
  readonly #action: string;
  /** Our own memory, as large as the largest tensor copied so far. */
  #own: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** The part of {@link InputSlot.#own} that is bound; undefined while other memory is. */
  #bound: Uint8Array<ArrayBuffer> | undefined;
  #boundShape: readonly number[] = [];
  #boundDtype: DType | undefined;
  /** Memory that OpenVINO has addresses of. */
  #kept: readonly ArrayBufferView[] = [];
  /** Memory of a tensor that it refused: it may still have the address. */
  #refused: readonly ArrayBufferView[] = [];
  #isBorrowing = false;

  /**
   * @param options.request must outlive the use of the slot.
   * @throws {ServingError} UNIMPLEMENTED for strings in a layout that this program cannot write.
   */
  constructor(library: Library, options: { request: Deno.PointerObject; index: number; port: Port }) {
    this.#library = library;
    this.#request = options.request;
    this.#index = BigInt(options.index);
    this.#action = `Cannot set the input ${options.port.names[0]}`;
    if (options.port.dtype === "string") checkStringLayout(library);
  }

  /**
   * Binds `tensor` for the next inference, which borrows it until it ends.
   *
   * @returns whether other memory was bound, so that outputs may have moved.
   * @throws {ServingError} INVALID_ARGUMENT when OpenVINO refuses the tensor.
   */
  bind(tensor: Tensor): boolean {
    if (tensor.dtype === "string") {
      this.#bindStrings(tensor);
      return true;
    }
    const { bytes } = tensor;
    const isCopied = bytes.byteLength <= COPY_BYTES_MAX || !isAligned(tensor);
    if (isCopied && this.#isLikeBound(tensor)) {
      (this.#bound as Uint8Array).set(bytes);
      return false;
    }
    assert(
      bytes.byteLength === elementCount(tensor.shape) * DTYPE_BYTES[tensor.dtype],
      "A tensor has another number of bytes than its shape",
    );
    if (isCopied) this.#bindCopy(tensor);
    else this.#bindBorrowed(tensor);
    return true;
  }

  #isLikeBound({ dtype, shape, bytes }: NumericTensor): boolean {
    return this.#bound?.byteLength === bytes.byteLength && this.#boundDtype === dtype &&
      isSameShape(this.#boundShape, shape);
  }

  /** Whether an address lies in bound memory of the caller. */
  isBorrowed(address: bigint): boolean {
    if (!this.#isBorrowing) return false;
    return this.#kept.some((array) => {
      const offset = address - addressOf(array);
      return offset >= 0n && offset < BigInt(array.byteLength);
    });
  }

  #bindCopy(tensor: NumericTensor): void {
    const { bytes, shape, dtype } = tensor;
    if (this.#own.byteLength < bytes.byteLength || this.#own.byteLength === 0) {
      this.#own = alignedBytes(Math.max(bytes.byteLength, ALIGNMENT));
    }
    const bound = this.#own.subarray(0, bytes.byteLength);
    bound.set(bytes);
    this.#bind(ELEMENT_TYPE[dtype], shape, [this.#own]);
    this.#bound = bound;
    this.#boundDtype = dtype;
    this.#boundShape = [...shape];
  }

  #bindBorrowed({ dtype, shape, bytes }: NumericTensor): void {
    this.#bind(ELEMENT_TYPE[dtype], shape, [bytes]);
    this.#isBorrowing = true;
  }

  #bindStrings({ shape, strings }: StringTensor): void {
    assert(strings.length === elementCount(shape), "A tensor has another number of strings than its shape");
    const { structs, characters } = writeStrings(strings);
    this.#bind(ELEMENT_TYPE.string, shape, [structs, characters]);
  }

  /** Binds the first array of `memory` as a tensor, and keeps the others, which the first points into. */
  #bind(elementType: number, shape: readonly number[], memory: readonly [ArrayBufferView, ...ArrayBufferView[]]): void {
    const { symbols } = this.#library;
    const nativeShape = new NativeShape(shape);
    const hostPointer = Deno.UnsafePointer.of(memory[0] as ArrayBufferView<ArrayBuffer>);
    const tensor = this.#library.outPointer(
      (out) => symbols.ov_tensor_create_from_host_ptr(elementType, nativeShape.bytes, hostPointer, out),
      this.#action,
    );
    this.#bound = undefined;
    try {
      this.#refused = memory;
      const status = symbols.ov_infer_request_set_input_tensor_by_index(this.#request, this.#index, tensor);
      this.#library.check(status, this.#action, CODE.INVALID_ARGUMENT);
      this.#kept = memory;
      this.#refused = [];
      this.#isBorrowing = false;
    } finally {
      // The request holds its own reference to the tensor.
      symbols.ov_tensor_free(tensor);
    }
  }
}

/** Whether a tensor's memory is aligned for its dtype. C++ must not read unaligned memory: that is undefined behaviour. */
function isAligned({ dtype, bytes }: NumericTensor): boolean {
  const elementBytes = DTYPE_BYTES[dtype];
  return elementBytes === 1 || addressOf(bytes) % BigInt(elementBytes) === 0n;
}

function alignedBytes(byteLength: number): Uint8Array<ArrayBuffer> {
  const memory = new Uint8Array(new ArrayBuffer(byteLength + ALIGNMENT));
  const offset = Number(-addressOf(memory) & BigInt(ALIGNMENT - 1));
  return memory.subarray(offset, offset + byteLength);
}
