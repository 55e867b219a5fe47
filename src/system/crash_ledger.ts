/**
 * Remembers beyond the end of the process what it was doing when it died: counters in a file that is mapped into memory, so that
 * keeping them costs an addition, and the system has them whatever becomes of the process. Linux only.
 *
 * @module
 */
import { createHash } from "node:crypto";

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" }, // const char* path, int flags
  close: { parameters: ["i32"], result: "i32" }, // int fd
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" }, // address, bytes, prot, flags, fd, offset
  munmap: { parameters: ["pointer", "usize"], result: "i32" }, // address, bytes
} as const;

/** Linux's numbers (open(2), mmap(2)). */
const O_RDWR = 2;
const O_CLOEXEC = 0x80000;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/** A record: how often its owner is at work, deaths, the SHA-256 of its name; padding. */
const RECORD_BYTES = 64;
const RECORD_WORDS = RECORD_BYTES / Uint32Array.BYTES_PER_ELEMENT;
const KEY_BYTES = 32;
const KEY_AT = 8;
const RECORDS_MAX = 1024;
const FILE_BYTES = RECORDS_MAX * RECORD_BYTES;

/** One owner's record. */
export interface CrashMark {
  /** Deaths while it was at work, in a row: one end in peace begins anew. */
  readonly deaths: number;
  /** Work begins. Each `begin` is followed by an `end`, or by the death of the process. */
  begin(): void;
  end(): void;
  /** Where in the memory of the process it is kept, for {@link markAt} in another thread; undefined when it is not. */
  readonly address?: bigint;
}

/** The records of one process. Two must not have one file. */
export class CrashLedger implements Disposable {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #address: Deno.PointerValue;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #used = new Set<number>();

  /**
   * Opens a file, which is made where there is none, and counts a death for everyone who was at work when it was last written.
   *
   * @throws {Error} with a sentence when it cannot be had.
   */
  constructor(path: string) {
    if (Deno.build.os !== "linux") throw new Error("Deaths of the process are remembered on Linux only");
    using file = Deno.openSync(path, { read: true, write: true, create: true });
    file.truncateSync(FILE_BYTES);
    this.#library = Deno.dlopen("libc.so.6", SYMBOLS);
    this.#address = map(this.#library.symbols, path);
    if (this.#address === null) throw new Error(`Cannot map ${path} into memory`);
    const buffer = new Deno.UnsafePointerView(this.#address).getArrayBuffer(FILE_BYTES);
    this.#words = new Uint32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    for (let record = 0; record < RECORDS_MAX; record++) this.#bury(record);
  }

  /** The record of an owner, for as long as the process lives; past a thousand they go unrecorded. */
  mark(name: string): CrashMark {
    const key = createHash("sha256").update(name).digest();
    const records = Array.from({ length: RECORDS_MAX }, (_, record) => record);
    const record = records.find((it) => key.equals(this.#keyOf(it))) ??
      records.find((it) => !this.#used.has(it) && this.#deathsOf(it) === 0);
    if (record === undefined) return UNRECORDED;
    this.#keyOf(record).set(key);
    this.#used.add(record);
    const busy = this.#words.subarray(record * RECORD_WORDS, record * RECORD_WORDS + 1);
    const base = Deno.UnsafePointer.value(this.#address);
    return { deaths: this.#deathsOf(record), ...counter(busy), address: BigInt(base) + BigInt(record * RECORD_BYTES) };
  }

  /** The process ends in peace: those who worked are innocent, unless they have been found guilty. */
  forgive(guiltyFrom: number): void {
    for (let record = 0; record < RECORDS_MAX; record++) {
      if (this.#deathsOf(record) < guiltyFrom) this.#words[record * RECORD_WORDS + 1] = 0;
    }
  }

  [Symbol.dispose](): void {
    this.#library.symbols.munmap(this.#address, BigInt(FILE_BYTES));
    this.#library.close();
  }

  #bury(record: number): void {
    const at = record * RECORD_WORDS;
    if (this.#words[at] !== 0) this.#words[at + 1] = this.#deathsOf(record) + 1;
    this.#words[at] = 0;
  }

  #deathsOf(record: number): number {
    return this.#words[record * RECORD_WORDS + 1] ?? 0;
  }

  #keyOf(record: number): Uint8Array {
    const start = record * RECORD_BYTES + KEY_AT;
    return this.#bytes.subarray(start, start + KEY_BYTES);
  }
}

/** A record of another thread's ledger, which must not be disposed meanwhile. */
export function markAt(address: bigint): Pick<CrashMark, "begin" | "end"> {
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) return UNRECORDED;
  return counter(new Uint32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, Uint32Array.BYTES_PER_ELEMENT)));
}

/** Several threads may be at work for one owner. */
function counter(busy: Uint32Array): Pick<CrashMark, "begin" | "end"> {
  return { begin: () => void Atomics.add(busy, 0, 1), end: () => void Atomics.sub(busy, 0, 1) };
}

const UNRECORDED: CrashMark = { deaths: 0, begin: () => {}, end: () => {} };

function map(calls: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"], path: string): Deno.PointerValue {
  const descriptor = calls.open(new TextEncoder().encode(`${path}\0`), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return null;
  const address = calls.mmap(null, BigInt(FILE_BYTES), PROT_READ_WRITE, MAP_SHARED, descriptor, 0n);
  calls.close(descriptor);
  return BigInt(Deno.UnsafePointer.value(address)) === MAP_FAILED ? null : address;
}
