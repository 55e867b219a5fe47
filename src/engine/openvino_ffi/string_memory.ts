/**
 * Arrays of `std::string`, written and read in memory without C++. OpenVINO's C API accepts strings up to their first zero byte and
 * returns none; tensors of encoded images need all bytes.
 *
 * @module
 */
import { assert, CODE, ServingError } from "../../base/status.ts";
import { addressOf, type Library, NativeShape, nativeWords, pointerAt, toCString } from "./library.ts";

/**
 * Words of a `std::string` in libstdc++'s layout (gcc's `basic_string.h`): the address of the characters, their number, and
 * 16 bytes that hold either the capacity or a short string itself.
 */
const STRING_WORDS = 4;
const STRING_BYTES = STRING_WORDS * 8;

/** Strings in C++'s layout. */
export interface StringMemory {
  /** The array of `std::string`, read-only: C++ must neither assign to nor destroy its elements. */
  readonly structs: Uint8Array<ArrayBuffer>;
  /** The characters that the structs point to: they must live as long. */
  readonly characters: Uint8Array<ArrayBuffer>;
}

/** Lays out strings, copying them once. */
export function writeStrings(strings: readonly Uint8Array[]): StringMemory {
  let total = strings.length;
  for (const string of strings) total += string.byteLength;
  const characters = new Uint8Array(new ArrayBuffer(Math.max(total, 1)));
  const words = nativeWords(Math.max(strings.length, 1) * STRING_WORDS);
  const base = addressOf(characters);
  let offset = 0;
  for (let i = 0; i < strings.length; i++) {
    const string = strings[i] as Uint8Array;
    const length = BigInt(string.byteLength);
    characters.set(string, offset);
    words[i * STRING_WORDS] = base + BigInt(offset);
    words[i * STRING_WORDS + 1] = length;
    words[i * STRING_WORDS + 2] = length;
    offset += string.byteLength + 1; // each keeps the zero byte that `c_str()` promises
  }
  return { structs: new Uint8Array(words.buffer), characters };
}

/** Copies the strings out of an array of `count` `std::string`s. */
export function readStrings(pointer: Deno.PointerObject, count: number): Uint8Array[] {
  const words = new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(pointer, count * STRING_BYTES));
  return Array.from({ length: count }, (_, i) => {
    const length = Number(words[i * STRING_WORDS + 1]);
    if (length === 0) return new Uint8Array(0);
    const characters = pointerAt(words, i * STRING_WORDS);
    return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(characters, length)).slice();
  });
}

/**
 * Checks that the library's strings have the layout of this file, by one short string and one long one.
 *
 * @throws {ServingError} UNIMPLEMENTED when they do not (a C++ library other than libstdc++).
 */
export function checkStringLayout(library: Library): void {
  const { symbols } = library;
  const texts = ["short", "longer than the sixteen bytes a string keeps in itself"];
  const encoded = texts.map(toCString);
  const pointers = nativeWords(texts.length);
  encoded.forEach((text, i) => pointers[i] = addressOf(text));
  const shape = new NativeShape([texts.length]);
  const tensor = library.outPointer(
    (out) => symbols.ov_tensor_create_from_string_array(pointers, BigInt(texts.length), shape.bytes, out),
    "Cannot make a tensor of strings",
  );
  try {
    const bytes = library.outNumber((out) => symbols.ov_tensor_get_byte_size(tensor, out), "Cannot measure strings");
    const data = library.outPointer((out) => symbols.ov_tensor_data(tensor, out), "Cannot read strings");
    const words = new BigUint64Array(Deno.UnsafePointerView.getArrayBuffer(data, bytes));
    // Sizes first: characters are read only once the layout is certain.
    const isKnown = bytes === texts.length * STRING_BYTES &&
      texts.every((text, i) => Number(words[i * STRING_WORDS + 1]) === text.length);
    if (!isKnown) {
      throw new ServingError(
        CODE.UNIMPLEMENTED,
        "Cannot use string tensors: this OpenVINO was not built with GNU's C++ library",
      );
    }
    const decoder = new TextDecoder();
    const isSame = readStrings(data, texts.length).every((read, i) => decoder.decode(read) === texts[i]);
    assert(isSame, "String tensors read differently from what was written");
  } finally {
    symbols.ov_tensor_free(tensor);
  }
}
