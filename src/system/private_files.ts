/**
 * Files that no other process sees: content in memory, under a path that native libraries can open, in a private folder of links.
 *
 * Goes through the C library, since a server that is up has given back Deno's permission to write.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";

const SYMBOLS = {
  mkdtemp: { parameters: ["buffer"], result: "pointer" }, // char* template, changed in place
  symlink: { parameters: ["buffer", "buffer"], result: "i32" }, // const char* target, const char* path
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" }, // const char* path, int flags, mode_t mode
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" }, // int fd, const void* bytes, size_t count
  close: { parameters: ["i32"], result: "i32" }, // int fd
  access: { parameters: ["buffer", "i32"], result: "i32" }, // const char* path, int mode
  unlink: { parameters: ["buffer"], result: "i32" }, // const char* path
  rmdir: { parameters: ["buffer"], result: "i32" }, // const char* path
} as const;

const MEMORY_SYMBOLS = {
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" }, // const char* name, unsigned flags
} as const;

const MFD_CLOEXEC = 1;
const R_OK = 4;
/** `O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC` */
const CREATE = Deno.build.os === "darwin" ? 0x1 | 0x200 | 0x800 | 0x1000000 : 0o1 | 0o100 | 0o200 | 0o2000000;
const OWNER_ONLY = 0o600;
const WRITE_BYTES_MAX = 1 << 30;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** A folder that only this process uses. Disposing it removes it with all that was put into it. */
export class PrivateFolder implements Disposable {
  /** Its absolute path. */
  readonly path: string;
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #names: string[] = [];
  readonly #descriptors: number[] = [];

  /**
   * Makes a folder.
   *
   * @param parents where it may lie, the first writable one is taken.
   * @throws {ServingError} FAILED_PRECONDITION when none of them can be written to, or the system has no such calls.
   */
  constructor(parents: readonly string[]) {
    const name = Deno.build.os === "linux" ? "libc.so.6" : Deno.build.os === "darwin" ? "libSystem.dylib" : undefined;
    if (name === undefined) throw unavailable(`there is no way to on ${Deno.build.os}`);
    this.#library = Deno.dlopen(name, SYMBOLS);
    const path = parents.map((parent) => makeFolder(this.#library.symbols, parent)).find((made) => made !== undefined);
    if (path === undefined) {
      this.#library.close();
      throw unavailable(`none of ${parents.join(", ")} can be written to; set TMPDIR to a folder that can`);
    }
    this.path = path;
  }

  /** Puts a link into the folder. */
  link(name: string, target: string): void {
    if (this.#library.symbols.symlink(toPath(target), toPath(`${this.path}/${name}`)) !== 0) {
      throw unavailable(`a link in ${this.path} cannot be made`);
    }
    this.#names.push(name);
  }

  /** Puts a file into the folder: in memory where the system can, else where the folder lies. */
  write(name: string, parts: readonly Uint8Array[]): void {
    const { symbols } = this.#library;
    const inMemory = createInMemory(name);
    if (inMemory >= 0) {
      this.#descriptors.push(inMemory);
      writeAll(symbols, inMemory, parts);
      const target = `/proc/self/fd/${inMemory}`;
      if (symbols.access(toPath(target), R_OK) === 0) return this.link(name, target);
    }
    const descriptor = symbols.open(toPath(`${this.path}/${name}`), CREATE, OWNER_ONLY);
    if (descriptor < 0) throw unavailable(`a file in ${this.path} cannot be made`);
    this.#names.push(name);
    try {
      writeAll(symbols, descriptor, parts);
    } finally {
      symbols.close(descriptor);
    }
  }

  [Symbol.dispose](): void {
    const { symbols } = this.#library;
    for (const descriptor of this.#descriptors) symbols.close(descriptor);
    for (const name of this.#names) symbols.unlink(toPath(`${this.path}/${name}`));
    symbols.rmdir(toPath(this.path));
    this.#library.close();
  }
}

function makeFolder(symbols: Symbols, parent: string): string | undefined {
  const template = toPath(`${parent}/ovserve-XXXXXX`);
  if (symbols.mkdtemp(template) === null) return undefined;
  return new TextDecoder().decode(template.subarray(0, -1));
}

/** @returns a descriptor; -1 where the system does not have files in memory. */
function createInMemory(name: string): number {
  if (Deno.build.os !== "linux") return -1;
  let library: Deno.DynamicLibrary<typeof MEMORY_SYMBOLS>;
  try {
    library = Deno.dlopen("libc.so.6", MEMORY_SYMBOLS);
  } catch {
    return -1; // A C library older than glibc 2.27.
  }
  try {
    return library.symbols.memfd_create(toPath(name), MFD_CLOEXEC);
  } finally {
    library.close();
  }
}

function writeAll(symbols: Symbols, descriptor: number, parts: readonly Uint8Array[]): void {
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const rest = part.subarray(at, at + WRITE_BYTES_MAX) as Uint8Array<ArrayBuffer>;
      const count = Number(symbols.write(descriptor, rest, BigInt(rest.length)));
      if (count <= 0) throw unavailable("a file cannot be written; is there memory and space left?");
      at += count;
    }
  }
}

function unavailable(reason: string): ServingError {
  return new ServingError(CODE.FAILED_PRECONDITION, "Cannot make a private file for the runtime", {
    detail: `Cannot make a private file for the runtime: ${reason}`,
  });
}

function toPath(path: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${path}\0`);
}
