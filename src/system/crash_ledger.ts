/**
 * Records what the process was doing when it died: counters in a file that is mapped into memory, so that an update costs an addition
 * and survives any crash. Linux only.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { O_CLOEXEC, toCString, withCLibrary } from "./c_library.ts";

/** Linux's numbers (open(2), mmap(2)). */
const O_RDWR = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/** A record: how many threads work for its owner, deaths, the SHA-256 of its name, padding. */
const RECORD_BYTES = 64;
const RECORD_WORDS = RECORD_BYTES / Uint32Array.BYTES_PER_ELEMENT;
const KEY_BYTES = 32;
const KEY_AT = 8;
const RECORDS_MAX = 1024;
const FILE_BYTES = RECORDS_MAX * RECORD_BYTES;

/** One owner's record. */
export interface CrashMark {
  /** Consecutive deaths during its work; an orderly end resets it. */
  readonly deaths: number;
  /** Work begins. An `end` follows, or the process dies. */
  begin(): void;
  end(): void;
  /** Its address in memory, for {@link markAt} in another thread; undefined if it is not recorded. */
  readonly address?: bigint;
}

/** The records of one process. Two processes must not share a file. */
export class CrashLedger implements Disposable {
  readonly #address: Deno.PointerValue;
  readonly #words: Uint32Array<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #used = new Set<number>();

  /**
   * Opens a file, or creates it, and counts a death for every owner that was at work when the file was last written.
   *
   * @throws {Error} with a sentence if the file cannot be used.
   */
  constructor(path: string) {
    if (Deno.build.os !== "linux") throw new Error("Deaths of the process are recorded on Linux only");
    using file = Deno.openSync(path, { read: true, write: true, create: true });
    file.truncateSync(FILE_BYTES);
    this.#address = map(path);
    if (this.#address === null) throw new Error(`Cannot map ${path} into memory`);
    const buffer = new Deno.UnsafePointerView(this.#address).getArrayBuffer(FILE_BYTES);
    this.#words = new Uint32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    for (let record = 0; record < RECORDS_MAX; record++) this.#bury(record);
  }

  /** Returns the record of an owner, for as long as the process lives; past a thousand owners they go unrecorded. */
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

  /** Forgets the deaths of owners with fewer than `guiltyFrom` of them: the process ends in order. */
  forgive(guiltyFrom: number): void {
    for (let record = 0; record < RECORDS_MAX; record++) {
      if (this.#deathsOf(record) < guiltyFrom) this.#words[record * RECORD_WORDS + 1] = 0;
    }
  }

  [Symbol.dispose](): void {
    withCLibrary((functions) => functions.munmap(this.#address, BigInt(FILE_BYTES)));
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

/** Returns a record of another thread's ledger, which must not be disposed meanwhile. */
export function markAt(address: bigint): Pick<CrashMark, "begin" | "end"> {
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) return UNRECORDED;
  return counter(new Uint32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, Uint32Array.BYTES_PER_ELEMENT)));
}

/** Several threads may work for one owner at a time. */
function counter(busy: Uint32Array): Pick<CrashMark, "begin" | "end"> {
  return { begin: () => void Atomics.add(busy, 0, 1), end: () => void Atomics.sub(busy, 0, 1) };
}

const UNRECORDED: CrashMark = { deaths: 0, begin: () => {}, end: () => {} };

function map(path: string): Deno.PointerValue {
  return withCLibrary((functions) => {
    const descriptor = functions.open(toCString(path), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return null;
    const address = functions.mmap(null, BigInt(FILE_BYTES), PROT_READ_WRITE, MAP_SHARED, descriptor, 0n);
    functions.close(descriptor);
    return BigInt(Deno.UnsafePointer.value(address)) === MAP_FAILED ? null : address;
  }) ?? null;
}
