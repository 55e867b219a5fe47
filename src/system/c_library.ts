/**
 * The system's C library: the functions that this program calls, and how it is opened. Callers keep it open only while they use it.
 *
 * @module
 */

const LIBRARIES: Readonly<Partial<Record<typeof Deno.build.os, string>>> = {
  linux: "libc.so.6",
  darwin: "libSystem.dylib",
};

const POSIX = {
  open: { parameters: ["buffer", "i32"], result: "i32" }, // const char* path, int flags
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" }, // int fd, void* out, size_t bytes
  close: { parameters: ["i32"], result: "i32" }, // int fd
  flock: { parameters: ["i32", "i32"], result: "i32" }, // int fd, int operation
  create: { name: "open", parameters: ["buffer", "i32", "i32"], result: "i32" }, // const char* path, int flags, mode_t mode
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" }, // int fd, const void* bytes, size_t count
  access: { parameters: ["buffer", "i32"], result: "i32" }, // const char* path, int mode
  mkdtemp: { parameters: ["buffer"], result: "pointer" }, // char* template, changed in place
  symlink: { parameters: ["buffer", "buffer"], result: "i32" }, // const char* target, const char* path
  unlink: { parameters: ["buffer"], result: "i32" }, // const char* path
  rmdir: { parameters: ["buffer"], result: "i32" }, // const char* path
} as const;

const LINUX = {
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" }, // pid_t pid, size_t bytes, cpu_set_t* out
  sysconf: { parameters: ["i32"], result: "i64" }, // int name
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" }, // const char* path, struct statvfs* out
  opendir: { parameters: ["buffer"], result: "pointer" }, // const char* path
  readdir: { parameters: ["pointer"], result: "pointer" }, // DIR* folder
  closedir: { parameters: ["pointer"], result: "i32" }, // DIR* folder
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" }, // int resource, struct rlimit* out
  memfd_create: { parameters: ["buffer", "u32"], result: "i32", optional: true }, // const char* name, unsigned flags; glibc 2.27
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" }, // address, bytes, prot, flags, fd, offset
  munmap: { parameters: ["pointer", "usize"], result: "i32" }, // address, bytes
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" }, // int fd, struct sockaddr* out, socklen_t* bytes
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" }, // as getsockname
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" }, // int fd, level, option, value, bytes
  shutdown: { parameters: ["i32", "i32"], result: "i32" }, // int fd, int how
} as const;

/** Those of Linux must not be called elsewhere. */
type Symbols = typeof POSIX & typeof LINUX;

/** The functions of the C library. */
export type CFunctions = Deno.DynamicLibrary<Symbols>["symbols"];

/** `O_CLOEXEC` (open(2)). */
export const O_CLOEXEC = Deno.build.os === "darwin" ? 0x1000000 : 0x80000;

/**
 * Opens the C library for as long as `work` takes.
 *
 * @returns what `work` returns; undefined on systems other than Linux and macOS.
 * @throws {Deno.errors.NotCapable} without permission.
 */
export function withCLibrary<T>(work: (functions: CFunctions) => T): T | undefined {
  const name = LIBRARIES[Deno.build.os];
  if (name === undefined) return undefined;
  const library = Deno.dlopen(name, (Deno.build.os === "linux" ? { ...POSIX, ...LINUX } : POSIX) as Symbols);
  try {
    return work(library.symbols);
  } finally {
    library.close();
  }
}

/** Returns a path as C takes it. */
export function toCString(path: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${path}\0`);
}
