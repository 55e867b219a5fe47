/**
 * The few calls of the system's C library that Deno lacks: locks on folders that end with the process, what a file system
 * allows, the arguments of another process, what this one has open, the system's own files, the processors this thread may use.
 * Elsewhere than on Linux and macOS they know nothing and
 * hold nothing.
 *
 * @module
 */

const LIBRARIES: Readonly<Partial<Record<typeof Deno.build.os, string>>> = {
  linux: "libc.so.6",
  darwin: "libSystem.dylib",
};

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" }, // const char* path, int flags
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" }, // int fd, void* out, size_t bytes
  close: { parameters: ["i32"], result: "i32" }, // int fd
  flock: { parameters: ["i32", "i32"], result: "i32" }, // int fd, int operation
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" }, // pid_t pid, size_t bytes, cpu_set_t* out
  sysconf: { parameters: ["i32"], result: "i64" }, // int name
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" }, // const char* path, struct statvfs* out
  opendir: { parameters: ["buffer"], result: "pointer" }, // const char* path
  readdir: { parameters: ["pointer"], result: "pointer" }, // DIR* folder
  closedir: { parameters: ["pointer"], result: "i32" }, // DIR* folder
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" }, // int resource, struct rlimit* out
} as const;

const O_RDONLY = 0;
const O_CLOEXEC = Deno.build.os === "darwin" ? 0x1000000 : 0x80000;

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** `struct statvfs` on 64-bit Linux, in 64-bit words: fragment size, free fragments for users, flags. */
const STATVFS_WORDS = 14;
const F_FRSIZE = 1;
const F_BAVAIL = 4;
const F_FLAG = 9;
const ST_NOEXEC = 8n;

/** What a file system allows. */
export interface FileSystemFacts {
  /** Bytes that this user may still write. */
  readonly freeBytes: number;
  /** Whether libraries on it may be loaded: not on one that is mounted with `noexec`. */
  readonly runsCode: boolean;
}

/**
 * Marks a folder as in use until this process ends, however it ends. Waits while {@link whileUnused} has it.
 * Source: flock(2).
 *
 * @throws {Deno.errors.NotFound} when it is not there.
 */
export function holdFolder(folder: string): void {
  withLibrary((symbols) => {
    const descriptor = open(symbols, folder);
    if (descriptor < 0) throw new Deno.errors.NotFound(`Cannot open ${folder}`);
    // The descriptor stays open on purpose: closing it would give the lock back.
    symbols.flock(descriptor, LOCK_SH);
  });
}

/**
 * Runs `work` while no process holds a folder and none can begin to.
 *
 * @returns whether it ran: not when the folder is held, is not there or cannot be locked.
 */
export function whileUnused(folder: string, work: () => void): boolean {
  return withLibrary((symbols) => {
    const descriptor = open(symbols, folder);
    if (descriptor < 0) return false;
    try {
      if (symbols.flock(descriptor, LOCK_EX | LOCK_NB) !== 0) return false;
      work();
      return true;
    } finally {
      symbols.close(descriptor);
    }
  }) ?? false;
}

/**
 * Asks about the file system a folder lies on. Source: statvfs(3).
 *
 * @returns undefined where this program does not know how to ask.
 */
export function fileSystemFacts(folder: string): FileSystemFacts | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withLibrary((symbols) => {
    const words = new BigUint64Array(new ArrayBuffer(STATVFS_WORDS * BigUint64Array.BYTES_PER_ELEMENT));
    if (symbols.statvfs(toPath(folder), words) !== 0) return undefined;
    const word = (index: number) => words[index] ?? 0n;
    return {
      freeBytes: Number(word(F_FRSIZE) * word(F_BAVAIL)),
      runsCode: (word(F_FLAG) & ST_NOEXEC) === 0n,
    };
  });
}

/** No command line is longer on Linux, where each argument may have 128 KiB: what is longer is not read. */
const SYSTEM_FILE_BYTES_MAX = 1 << 20;

/**
 * The text of a file of the system's own, as they lie in `/proc` and `/sys`: Deno itself reads those only for programs that may do
 * everything. Its first MiB.
 *
 * @returns undefined when there is no such file or no way to ask.
 */
export function readSystemFile(path: string): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withLibrary((symbols) => readText(symbols, path, SYSTEM_FILE_BYTES_MAX));
}

/**
 * The arguments of a process, its name first. Source: proc_pid_cmdline(5).
 *
 * @returns undefined when there is no such process or no way to ask.
 */
export function processArguments(pid: number): string[] | undefined {
  const text = readSystemFile(`/proc/${pid}/cmdline`);
  return text ? text.slice(0, -1).split("\0") : undefined;
}

/** `_SC_NPROCESSORS_ONLN` of glibc. */
const SC_NPROCESSORS_ONLN = 84;
/** Room for so many processors: more than a Linux kernel can be built for. */
const AFFINITY_BYTES = 8192 / 8;

/** The processors of a machine. */
export interface Processors {
  /** How many are at work in the machine. */
  readonly online: number;
  /** How many of them the calling thread may run on: fewer where `taskset` or a cpuset says so. */
  readonly allowed: number;
}

/**
 * Counts processors. Source: sched_getaffinity(2), sysconf(3).
 *
 * @returns undefined where this program does not know how to ask.
 */
export function countProcessors(): Processors | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withLibrary((symbols) => {
    const mask = new Uint8Array(AFFINITY_BYTES);
    const online = Number(symbols.sysconf(SC_NPROCESSORS_ONLN));
    if (symbols.sched_getaffinity(0, BigInt(mask.length), mask) !== 0 || online < 1) return undefined;
    let allowed = 0;
    for (let byte of mask) {
      for (; byte > 0; byte >>= 1) allowed += byte & 1;
    }
    return { online, allowed };
  });
}

/** What this process takes of what the system bounds. */
export interface ProcessFigures {
  readonly virtualBytes: number;
  /** File descriptors: files, sockets, pipes. */
  readonly descriptors: number;
  /** How many it may have; infinite where nothing bounds them. */
  readonly descriptorsMax: number;
}

/** `RLIMIT_NOFILE` and `RLIM_INFINITY` on Linux. */
const RLIMIT_NOFILE = 7;
const RLIM_INFINITY = 2n ** 64n - 1n;
/** `/proc/self/fd` holds, besides what was open before: itself, the folder above, the descriptor it is read with. */
const OWN_ENTRIES = 3;
/** proc_pid_stat(5): the 23rd field is `vsize` in bytes. The second ends with the last bracket and may hold anything. */
const STAT_VSIZE = 20;
const STAT_BYTES_MAX = 4096;

/**
 * Asks what this process has open. Source: proc_pid_fd(5), proc_pid_stat(5), getrlimit(2). Deno itself reads `/proc/self` only for
 * programs that may do everything.
 *
 * @returns undefined where there is no way to ask: not on Linux, or out of file descriptors.
 */
export function processFigures(): ProcessFigures | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withLibrary((symbols) => {
    const text = readText(symbols, "/proc/self/stat", STAT_BYTES_MAX);
    const descriptors = countDescriptors(symbols);
    const limits = new BigUint64Array(2);
    if (text === undefined || descriptors === undefined || symbols.getrlimit(RLIMIT_NOFILE, limits) !== 0) {
      return undefined;
    }
    const [soft = RLIM_INFINITY] = limits;
    return {
      virtualBytes: Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[STAT_VSIZE]),
      descriptors,
      descriptorsMax: soft === RLIM_INFINITY ? Infinity : Number(soft),
    };
  });
}

function countDescriptors(symbols: Symbols): number | undefined {
  const folder = symbols.opendir(toPath("/proc/self/fd"));
  if (folder === null) return undefined;
  let count = -OWN_ENTRIES;
  while (symbols.readdir(folder) !== null) count++;
  symbols.closedir(folder);
  return count;
}

/** As much of a file as a size allows; undefined when it cannot be opened. */
function readText(symbols: Symbols, path: string, bytesMax: number): string | undefined {
  const descriptor = open(symbols, path);
  if (descriptor < 0) return undefined;
  try {
    const bytes = new Uint8Array(bytesMax);
    let length = 0;
    // The system's own files may be handed out a page at a time.
    while (length < bytes.length) {
      const rest = bytes.subarray(length);
      const count = Number(symbols.read(descriptor, rest, BigInt(rest.length)));
      if (count <= 0) break;
      length += count;
    }
    return new TextDecoder().decode(bytes.subarray(0, length));
  } finally {
    symbols.close(descriptor);
  }
}

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

function withLibrary<T>(work: (symbols: Symbols) => T): T | undefined {
  const name = LIBRARIES[Deno.build.os];
  if (name === undefined) return undefined;
  const library = Deno.dlopen(name, SYMBOLS);
  try {
    return work(library.symbols);
  } finally {
    library.close();
  }
}

function open(symbols: Symbols, folder: string): number {
  return symbols.open(toPath(folder), O_RDONLY | O_CLOEXEC);
}

function toPath(path: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${path}\0`);
}
