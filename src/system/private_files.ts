/**
 * Files that no other process sees: content in memory, under a path that native libraries can open, in a private folder of links.
 *
 * Uses the C library, because a running server has dropped Deno's permission to write.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import { type CFunctions, toCString, withCLibrary } from "./c_library.ts";

const MFD_CLOEXEC = 1;
const R_OK = 4;
/** `O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC` */
const CREATE = Deno.build.os === "darwin" ? 0x1 | 0x200 | 0x800 | 0x1000000 : 0o1 | 0o100 | 0o200 | 0o2000000;
const OWNER_ONLY = 0o600;
const WRITE_BYTES_MAX = 1 << 30;

/** Where folders that are gone soon may lie, the first choice first. A container may have only memory to write to. */
export function temporaryFolders(): string[] {
  const named = Deno.env.get("TMPDIR");
  return [...named ? [named] : [], "/tmp", "/dev/shm"];
}

/** A folder that only this process uses. Disposing it removes it with its content. */
export class PrivateFolder implements Disposable {
  /** Its absolute path. */
  readonly path: string;
  readonly #names: string[] = [];
  readonly #descriptors: number[] = [];

  /**
   * Makes a folder.
   *
   * @param parents candidates for its parent folder; the first writable one is taken.
   * @throws {ServingError} FAILED_PRECONDITION if none of them is writable, and on systems other than Linux and macOS.
   */
  constructor(parents: readonly string[]) {
    const path = withCLibrary((functions) => {
      const made = parents.map((parent) => makeFolder(functions, parent)).find((folder) => folder !== undefined);
      if (made !== undefined) return made;
      throw unavailable(`none of ${parents.join(", ")} can be written to; set TMPDIR to a folder that can`);
    });
    if (path === undefined) throw unavailable(`not supported on ${Deno.build.os}`);
    this.path = path;
  }

  /** Puts a link into the folder. */
  link(name: string, target: string): void {
    withCLibrary((functions) => this.#link(functions, { name, target }));
  }

  /** Puts a file into the folder: in memory if the system supports it, else on the folder's disk. */
  write(name: string, parts: readonly Uint8Array[]): void {
    withCLibrary((functions) => {
      const inMemory = functions.memfd_create?.(toCString(name), MFD_CLOEXEC) ?? -1;
      if (inMemory >= 0) {
        this.#descriptors.push(inMemory);
        writeAll(functions, inMemory, parts);
        const target = `/proc/self/fd/${inMemory}`;
        if (functions.access(toCString(target), R_OK) === 0) return this.#link(functions, { name, target });
      }
      const descriptor = functions.create(toCString(`${this.path}/${name}`), CREATE, OWNER_ONLY);
      if (descriptor < 0) throw unavailable(`a file in ${this.path} cannot be made`);
      this.#names.push(name);
      try {
        writeAll(functions, descriptor, parts);
      } finally {
        functions.close(descriptor);
      }
    });
  }

  [Symbol.dispose](): void {
    withCLibrary((functions) => {
      for (const descriptor of this.#descriptors) functions.close(descriptor);
      for (const name of this.#names) functions.unlink(toCString(`${this.path}/${name}`));
      functions.rmdir(toCString(this.path));
    });
  }

  #link(functions: CFunctions, { name, target }: { name: string; target: string }): void {
    if (functions.symlink(toCString(target), toCString(`${this.path}/${name}`)) !== 0) {
      throw unavailable(`a link in ${this.path} cannot be made`);
    }
    this.#names.push(name);
  }
}

function makeFolder(functions: CFunctions, parent: string): string | undefined {
  const template = toCString(`${parent}/ovserve-XXXXXX`);
  if (functions.mkdtemp(template) === null) return undefined;
  return new TextDecoder().decode(template.subarray(0, -1));
}

function writeAll(functions: CFunctions, descriptor: number, parts: readonly Uint8Array[]): void {
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      const rest = part.subarray(at, at + WRITE_BYTES_MAX) as Uint8Array<ArrayBuffer>;
      const count = Number(functions.write(descriptor, rest, BigInt(rest.length)));
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
