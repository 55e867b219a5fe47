/**
 * Calls of the C library that Deno lacks: locks on folders that end with the process, properties of file systems, the arguments of
 * another process, what this process has open, files of `/proc` and `/sys`, the processors this thread may use. On systems other than
 * Linux and macOS they know nothing and lock nothing.
 *
 * @module
 */
import { type CFunctions, O_CLOEXEC, toCString, withCLibrary } from "./c_library.ts";

const O_RDONLY = 0;

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** `struct statvfs` on 64-bit Linux, in 64-bit words: fragment size, free fragments for users, flags. */
const STATVFS_WORDS = 14;
const F_FRSIZE = 1;
const F_BAVAIL = 4;
const F_FLAG = 9;
const ST_NOEXEC = 8n;

/** Properties of a file system. */
export interface FileSystemFacts {
  /** Bytes that this user may still write. */
  readonly freeBytes: number;
  /** Whether libraries on it may be loaded: not if it is mounted with `noexec`. */
  readonly runsCode: boolean;
}

/**
 * Marks a folder as in use until this process ends, in whatever way. Waits while {@link whileUnused} has it.
 * Source: flock(2).
 *
 * @throws {Deno.errors.NotFound} if it does not exist.
 */
export function holdFolder(folder: string): void {
  withCLibrary((symbols) => {
    const descriptor = open(symbols, folder);
    if (descriptor < 0) throw new Deno.errors.NotFound(`Cannot open ${folder}`);
    // The descriptor stays open on purpose: closing it would release the lock.
    symbols.flock(descriptor, LOCK_SH);
  });
}

/**
 * Runs `work` while no process holds a folder and none can begin to.
 *
 * @returns whether it ran: not if the folder is held, does not exist or cannot be locked.
 */
export function whileUnused(folder: string, work: () => void): boolean {
  return withCLibrary((symbols) => {
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
 * Returns properties of a folder's file system. Source: statvfs(3).
 *
 * @returns undefined on other systems than Linux.
 */
export function fileSystemFacts(folder: string): FileSystemFacts | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withCLibrary((symbols) => {
    const words = new BigUint64Array(new ArrayBuffer(STATVFS_WORDS * BigUint64Array.BYTES_PER_ELEMENT));
    if (symbols.statvfs(toCString(folder), words) !== 0) return undefined;
    const word = (index: number) => words[index] ?? 0n;
    return {
      freeBytes: Number(word(F_FRSIZE) * word(F_BAVAIL)),
      runsCode: (word(F_FLAG) & ST_NOEXEC) === 0n,
    };
  });
}

/** Longer files are cut. An argument on Linux may have 128 KiB, a whole command line hardly more than this. */
const SYSTEM_FILE_BYTES_MAX = 1 << 20;

/**
 * Reads up to 1 MiB of a file in `/proc` or `/sys`. Deno itself reads those only with all permissions.
 *
 * @returns undefined if there is no such file, and on other systems than Linux.
 */
export function readSystemFile(path: string): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withCLibrary((symbols) => readText(symbols, path, SYSTEM_FILE_BYTES_MAX));
}

/**
 * Returns the arguments of a process, its name first. Source: proc_pid_cmdline(5).
 *
 * @returns undefined if there is no such process, and on other systems than Linux.
 */
export function processArguments(pid: number): string[] | undefined {
  const text = readSystemFile(`/proc/${pid}/cmdline`);
  return text ? text.slice(0, -1).split("\0") : undefined;
}

/** `_SC_NPROCESSORS_ONLN` of glibc. */
const SC_NPROCESSORS_ONLN = 84;
/** A bit per processor, for more than a Linux kernel can be built for. */
const AFFINITY_BYTES = 8192 / 8;

/** The processors of a machine. */
export interface Processors {
  /** How many the machine has online. */
  readonly online: number;
  /** How many of them the calling thread may run on: fewer under `taskset` or a cpuset. */
  readonly allowed: number;
}

/**
 * Counts processors. Source: sched_getaffinity(2), sysconf(3).
 *
 * @returns undefined on other systems than Linux.
 */
export function countProcessors(): Processors | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withCLibrary((symbols) => {
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

/** This process's use of resources that the system limits. */
export interface ProcessFigures {
  readonly virtualBytes: number;
  /** File descriptors: files, sockets, pipes. */
  readonly descriptors: number;
  /** How many it may have; infinite without a limit. */
  readonly descriptorsMax: number;
}

/** `RLIMIT_NOFILE` and `RLIM_INFINITY` on Linux. */
const RLIMIT_NOFILE = 7;
const RLIM_INFINITY = 2n ** 64n - 1n;
/** Entries of `/proc/self/fd` that come from reading it: itself, the folder above, the descriptor it is read with. */
const OWN_ENTRIES = 3;
/** proc_pid_stat(5): the 23rd field is `vsize` in bytes. The second ends with the last bracket and may hold anything. */
const STAT_VSIZE = 20;
const STAT_BYTES_MAX = 4096;

/**
 * Counts what this process has open. Source: proc_pid_fd(5), proc_pid_stat(5), getrlimit(2).
 *
 * @returns undefined on other systems than Linux, and without a free file descriptor.
 */
export function processFigures(): ProcessFigures | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return withCLibrary((symbols) => {
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

function countDescriptors(symbols: CFunctions): number | undefined {
  const folder = symbols.opendir(toCString("/proc/self/fd"));
  if (folder === null) return undefined;
  let count = -OWN_ENTRIES;
  while (symbols.readdir(folder) !== null) count++;
  symbols.closedir(folder);
  return count;
}

/** Reads up to `bytesMax` of a file; undefined if it cannot be opened. */
function readText(symbols: CFunctions, path: string, bytesMax: number): string | undefined {
  const descriptor = open(symbols, path);
  if (descriptor < 0) return undefined;
  try {
    const bytes = new Uint8Array(bytesMax);
    let length = 0;
    // A read of a file in /proc may return no more than a page.
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

function open(symbols: CFunctions, folder: string): number {
  return symbols.open(toCString(folder), O_RDONLY | O_CLOEXEC);
}
