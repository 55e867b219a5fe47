/**
 * The opened C library: calls that throw, C strings, out-pointers and ownership of native objects. Knows no models.
 *
 * @module
 */
import { assert, CODE, type Code, ServingError } from "../../base/status.ts";
import { DTYPE_BYTES, type NumericDType } from "../../base/tensor.ts";
import { folderOf, tidyErrorText } from "./error_text.ts";
import { ELEMENT_TYPE, STATUS, SYMBOLS } from "./symbols.ts";

/** The C functions, callable. */
export type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The oldest release with the element types and functions of `symbols.ts`: year and number. */
const VERSION_MIN = [2026, 4] as const;
const REQUIREMENT = `ovserve needs OpenVINO ${VERSION_MIN.join(".")} or later`;

const encoder = new TextEncoder();

/** OpenVINO's C library, of a release that fits {@link SYMBOLS}. */
export class Library implements Disposable {
  readonly symbols: Symbols;
  /** The folder of the libraries. */
  readonly #folder: string;
  /** OpenVINO's build number: `2026.4.1-22982-…`. */
  readonly version: string;
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;
  /** Receives the result of a synchronous call; not kept between calls. */
  readonly #result = new BigUint64Array(1);
  /** The end of the queue of calls that must not overlap; see {@link Library.callAlone}. */
  #alone: Promise<unknown> = Promise.resolve();
  /** Objects that C has addresses of, kept from the garbage collector. */
  readonly #held = new Set<readonly object[]>();

  /**
   * Opens the library at a path.
   *
   * @throws {ServingError} FAILED_PRECONDITION when it cannot be opened or is of another release.
   */
  constructor(path: string) {
    this.#folder = folderOf(path);
    try {
      this.#library = Deno.dlopen(path, SYMBOLS);
    } catch (cause) {
      // Deno's own error for a missing permission names the flag to set.
      if (cause instanceof Deno.errors.NotCapable) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      const reason = text.replaceAll("Could not open library: ", "").replaceAll(`${path}: `, "");
      throw new ServingError(
        CODE.FAILED_PRECONDITION,
        `Cannot open OpenVINO's library ${path}: ${reason}; ${REQUIREMENT}`,
        { cause },
      );
    }
    this.symbols = this.#library.symbols;
    try {
      this.version = this.#readVersion();
      this.#checkElementTypes();
    } catch (error) {
      this.#library.close();
      throw error;
    }
  }

  #readVersion(): string {
    const version = new BigUint64Array(2);
    this.check(this.symbols.ov_get_openvino_version(version), "Cannot read OpenVINO's version");
    const buildNumber = readCString(pointerAt(version, 0));
    this.symbols.ov_version_free(version);
    const [year = 0, release = 0] = buildNumber.split(".").map(Number);
    if (year < VERSION_MIN[0] || (year === VERSION_MIN[0] && release < VERSION_MIN[1])) {
      throw new ServingError(CODE.FAILED_PRECONDITION, `Cannot use OpenVINO ${buildNumber}: ${REQUIREMENT}`);
    }
    return buildNumber;
  }

  /** Rejects a release that numbers element types differently: it would read every tensor wrongly. */
  #checkElementTypes(): void {
    const shape = new NativeShape([1]);
    for (const [dtype, bytes] of Object.entries(DTYPE_BYTES)) {
      const elementType = ELEMENT_TYPE[dtype as NumericDType];
      const tensor = this.outPointer(
        (out) => this.symbols.ov_tensor_create(elementType, shape.bytes, out),
        `Cannot make a tensor of ${dtype}`,
      );
      const status = this.symbols.ov_tensor_get_byte_size(tensor, this.#result);
      this.symbols.ov_tensor_free(tensor);
      this.check(status, `Cannot measure a tensor of ${dtype}`);
      if (Number(this.#result[0]) !== bytes) {
        throw new ServingError(
          CODE.FAILED_PRECONDITION,
          `Cannot use OpenVINO ${this.version}: its element types differ from those of ${VERSION_MIN.join(".")}, ` +
            `${dtype} has ${this.#result[0]} bytes instead of ${bytes}`,
        );
      }
    }
  }

  /**
   * Throws unless a call succeeded.
   *
   * @param action the start of the error's sentence: `Cannot read the model`.
   * @throws {ServingError} with `code` and OpenVINO's reason after the action.
   */
  check(status: number, action: string, code: Code = CODE.INTERNAL): void {
    if (status !== STATUS.OK) throw this.error(status, action, { code });
  }

  /**
   * Returns the error of the call that just failed. OpenVINO keeps one text for the whole process, so this comes before the next call.
   *
   * @param options.hidden arguments of the call that must not be repeated, as for `tidyErrorText`.
   */
  error(
    status: number,
    action: string,
    { code, hidden = [] }: { code: Code; hidden?: readonly string[] },
  ): ServingError {
    // A rejected argument leaves no text: the present text belongs to an earlier failure.
    const text = status === STATUS.INVALID_C_PARAM ? "" : this.takeString(this.symbols.ov_get_last_err_msg());
    const reason = tidyErrorText(text, [...hidden, this.#folder]) || `OpenVINO reports status ${status} and no reason`;
    return new ServingError(code, `${action}: ${reason}`, text === "" ? undefined : { cause: text });
  }

  /**
   * Runs `call` with a buffer for the pointer that it makes.
   *
   * @returns the pointer, which the caller owns.
   * @throws {ServingError} as {@link Library.check} does.
   */
  outPointer(call: (out: BigUint64Array<ArrayBuffer>) => number, action: string): Deno.PointerObject {
    this.#result[0] = 0n;
    this.check(call(this.#result), action);
    return pointerAt(this.#result, 0);
  }

  /** Like {@link Library.outPointer} for numbers: `size_t*` and enums. */
  outNumber(call: (out: BigUint64Array<ArrayBuffer>) => number, action: string): number {
    this.#result[0] = 0n;
    this.check(call(this.#result), action);
    return Number(this.#result[0]);
  }

  /** Reads a string that OpenVINO allocated for us, and frees it. */
  takeString(pointer: Deno.PointerValue): string {
    if (pointer === null) return "";
    const text = readCString(pointer);
    this.symbols.ov_free(pointer);
    return text;
  }

  /**
   * Runs nonblocking calls one after the other. OpenVINO keeps one error text for the process, so of two calls that fail at the same
   * time on other threads one would report the other's reason.
   *
   * @param buffers memory that C has addresses of until the call has ended.
   */
  async callAlone<T>(buffers: readonly object[], call: () => Promise<T>): Promise<T> {
    const turn = this.#alone.then(call);
    this.#alone = turn.catch(() => {});
    this.#held.add(buffers);
    try {
      return await turn;
    } finally {
      this.#held.delete(buffers);
    }
  }

  /** Whether a call of {@link Library.callAlone} is running, possibly on another thread. */
  get isCalled(): boolean {
    return this.#held.size > 0;
  }

  /** Closes the library. Everything that it made must have been freed. */
  [Symbol.dispose](): void {
    this.#library.close();
  }
}

/** A native object that this program frees, once. */
export class Owned implements Disposable {
  readonly #what: string;
  readonly #free: (pointer: Deno.PointerObject) => void;
  #pointer: Deno.PointerObject | undefined;

  /** @param options.what its name in the error about use after disposal: `model`. */
  constructor(pointer: Deno.PointerObject, options: { what: string; free: (pointer: Deno.PointerObject) => void }) {
    this.#pointer = pointer;
    this.#what = options.what;
    this.#free = options.free;
  }

  /** The pointer, valid until disposal; throws after it. */
  get pointer(): Deno.PointerObject {
    const pointer = this.#pointer;
    // Checked first, so that the sentence is built on failure only.
    if (pointer === undefined) assert(false, `The ${this.#what} was used after it was disposed`);
    return pointer;
  }

  /** Frees the object, once. */
  [Symbol.dispose](): void {
    const pointer = this.#pointer;
    this.#pointer = undefined;
    if (pointer !== undefined) this.#free(pointer);
  }

  /** Frees the object by another function than its own, once. */
  async freeBy(free: (pointer: Deno.PointerObject) => Promise<void>): Promise<void> {
    const pointer = this.#pointer;
    this.#pointer = undefined;
    if (pointer !== undefined) await free(pointer);
  }
}

/** An `ov_shape_t` to pass by value, with the dimensions it points to. */
export class NativeShape {
  /** The struct: rank and address of the dimensions. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Referenced by address from {@link NativeShape.bytes}: it must live as long. */
  readonly dimensions: BigInt64Array<ArrayBuffer>;

  constructor(shape: readonly number[]) {
    // One more element keeps the address of a scalar's dimensions from being null, which OpenVINO rejects.
    this.dimensions = new BigInt64Array(nativeWords(shape.length + 1).buffer);
    for (let i = 0; i < shape.length; i++) this.dimensions[i] = BigInt(shape[i] as number);
    const struct = nativeWords(2);
    struct[0] = BigInt(shape.length);
    struct[1] = addressOf(this.dimensions);
    this.bytes = new Uint8Array(struct.buffer);
  }
}

/**
 * Words for C at a fixed address: V8 keeps a small typed array made without a buffer on its moving heap.
 *
 * @param count how many words of 64 bits.
 */
export function nativeWords(count: number): BigUint64Array<ArrayBuffer> {
  return new BigUint64Array(new ArrayBuffer(count * BigUint64Array.BYTES_PER_ELEMENT));
}

/** The address of an array's first byte. The array must stay referenced for as long as C may use the address. */
export function addressOf(array: ArrayBufferView<ArrayBufferLike>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array as ArrayBufferView<ArrayBuffer>)));
}

/** The pointer stored at an index. */
export function pointerAt(words: BigUint64Array, index: number): Deno.PointerObject {
  const pointer = Deno.UnsafePointer.create(words[index] as bigint);
  assert(pointer !== null, "OpenVINO returned a null pointer");
  return pointer;
}

/**
 * Properties as an array of `ov_property_t`: two pointers each, to the key and to the value. Both parts of the result must live while C
 * reads them.
 */
export function nativeProperties(
  properties: ReadonlyMap<string, string>,
): { table: BigUint64Array<ArrayBuffer>; strings: readonly Uint8Array<ArrayBuffer>[] } {
  const strings = [...properties].flat().map(toCString);
  const table = nativeWords(Math.max(strings.length, 1));
  strings.forEach((string, i) => table[i] = addressOf(string));
  return { table, strings };
}

/** Encodes a string as C reads it: UTF-8 and a zero byte. */
export function toCString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** Reads a C string that something else owns. */
export function readCString(pointer: Deno.PointerObject): string {
  return new Deno.UnsafePointerView(pointer).getCString();
}
