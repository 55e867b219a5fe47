/**
 * A cache folder for libraries that the system's loader must find on disk: complete, verified, safe from other users, and without
 * those of older programs. Knows neither what the libraries are nor where their bytes come from.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CODE, ServingError } from "../../../base/status.ts";
import { fileSystemFacts, holdFolder, whileUnused } from "../../../system/libc.ts";

/** One file and the place of its bytes. */
export interface PackedFile {
  /** Relative to the folder it is unpacked to: `libs/libopenvino_c.so.2641`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The file that holds the bytes, from `offset` on. */
  readonly source: string;
  readonly offset: number;
}

/** The files that are unpacked into one folder. */
export interface PackedFolder {
  /** The folder's name, which changes with the content: `openvino-2026.4.1-0123456789ab`. */
  readonly name: string;
  readonly files: readonly PackedFile[];
}

/** The folders to unpack to. */
export interface Caches {
  /** Folders to try in this order; they need not exist yet. */
  readonly folders: readonly string[];
  /** Whether the user chose them, and so is responsible for who else can rename files there. */
  readonly isChosen: boolean;
}

/** Permission bits: users other than the owner may write; all may write; only owners may rename and remove. */
const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/** The name of an unpacked folder: name, version, start of the content's hash. */
const VERSION_REGEXP = /^[a-z]+-[\d.]+-[\da-f]{12}$/;
/** The prefix of folders that are being unpacked. */
const UNFINISHED = "unpacking-";
/** A folder with this prefix that is older and not held was left behind by a killed process. */
const UNFINISHED_MS_MAX = 600_000;

const CHUNK_BYTES = 4 << 20;

/**
 * Unpacks into the first usable folder. Writes nothing if the copy there is complete. The copy appears complete or not at all, also
 * when several processes unpack at once, and is replaced when files in it are missing. It stays until this process ends: processes
 * that unpack something newer remove only what no process uses.
 *
 * @returns the unpacked folder: `<cache>/ovserve/<name>`.
 * @throws {ServingError} FAILED_PRECONDITION with each folder and why it cannot be used.
 */
export function unpack(packed: PackedFolder, caches: Caches): string {
  const failures: string[] = [];
  for (const cache of caches.folders) {
    const folder = join(cache, "ovserve");
    try {
      if (!caches.isChosen) checkParent(cache);
      makeOwnFolder(folder);
      return unpackInto(folder, packed);
    } catch (thrown) {
      if (thrown instanceof DamagedError) throw new ServingError(CODE.FAILED_PRECONDITION, thrown.message);
      failures.push(`${folder}: ${thrown instanceof Error ? thrown.message : thrown}`);
    }
  }
  throw new ServingError(
    CODE.FAILED_PRECONDITION,
    `Cannot unpack the OpenVINO libraries of this executable (${megabytes(sizeOf(packed))}): ${failures.join("; ")}. ` +
      "Name a folder with --runtime_dir, on a file system that is writable and allows programs to run",
  );
}

/** The packed bytes are damaged; another folder does not help. */
class DamagedError extends Error {}

function unpackInto(folder: string, packed: PackedFolder): string {
  const copy = join(folder, packed.name);
  if (hold(copy) && isWhole(copy, packed)) return copy;
  checkRoom(folder, sizeOf(packed));
  const work = Deno.makeTempDirSync({ dir: folder, prefix: UNFINISHED });
  try {
    holdFolder(work);
    const fresh = join(work, "fresh");
    write(packed, fresh);
    holdFolder(fresh);
    moveIntoPlace(fresh, { copy, packed });
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
  hold(copy);
  removeOthers(folder, packed.name);
  return copy;
}

/** Holds the copy; returns whether it exists. */
function hold(copy: string): boolean {
  try {
    holdFolder(copy);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

function isWhole(copy: string, { files }: PackedFolder): boolean {
  try {
    return files.every(({ path, bytes }) => Deno.statSync(join(copy, path)).size === bytes);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

/** Rejects a folder where another user could replace our folder by renaming. */
function checkParent(cache: string): void {
  if (!existsSync(cache)) return;
  const mode = Deno.statSync(cache).mode ?? 0;
  if ((mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0) {
    throw new Error(`every user can rename folders in ${cache}`);
  }
}

/** Libraries are executed, so no other user may be able to put files into the folder. */
function makeOwnFolder(folder: string): void {
  Deno.mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  if (!existsSync(folder)) Deno.mkdirSync(folder, { recursive: true, mode: 0o755 });
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  if (!isDirectory) throw new Error("it is not a folder");
  if (uid !== null && uid !== Deno.uid() && uid !== 0) throw new Error("it belongs to another user");
  if (((mode ?? 0) & WRITABLE_BY_OTHERS) !== 0) throw new Error("others can write to it");
}

function checkRoom(folder: string, bytes: number): void {
  const facts = fileSystemFacts(folder);
  if (facts?.runsCode === false) throw new Error("its file system does not allow programs to run (noexec)");
  if (facts !== undefined && facts.freeBytes < bytes) {
    throw new Error(`there are only ${megabytes(facts.freeBytes)} free`);
  }
}

/** Writes all files and checks their hashes. */
function write({ files }: PackedFolder, into: string): void {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (const { path, bytes, sha256, source, offset } of files) {
    const target = join(into, path);
    Deno.mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    using from = Deno.openSync(source);
    using to = Deno.openSync(target, { write: true, createNew: true, mode: 0o644 });
    from.seekSync(offset, Deno.SeekMode.Start);
    const hash = createHash("sha256");
    for (let left = bytes; left > 0;) {
      const length = from.readSync(chunk.subarray(0, Math.min(left, chunk.length))) ?? 0;
      if (length === 0) break;
      const part = chunk.subarray(0, length);
      hash.update(part);
      for (let written = 0; written < length;) written += to.writeSync(part.subarray(written));
      left -= length;
    }
    if (hash.digest("hex") !== sha256) {
      throw new DamagedError(`The executable is damaged: ${path} has another checksum. Download it again`);
    }
  }
}

/** Makes the copy appear, by renaming. The second of two processes keeps the copy of the first. */
function moveIntoPlace(fresh: string, { copy, packed }: { copy: string; packed: PackedFolder }): void {
  if (moveTo(copy, fresh) || isWhole(copy, packed)) return;
  // A process with open files of the broken copy keeps them.
  Deno.renameSync(copy, join(dirname(fresh), "broken"));
  Deno.renameSync(fresh, copy);
}

/** Moves a folder; returns false if the place is taken: by another process's copy, or by a broken one. */
function moveTo(place: string, folder: string): boolean {
  try {
    Deno.renameSync(folder, place);
    return true;
  } catch (thrown) {
    if (existsSync(place)) return false;
    throw thrown;
  }
}

/** Removes unused folders of other versions. A folder that cannot be removed stays: it does no harm. */
function removeOthers(folder: string, name: string): void {
  for (const entry of Array.from(Deno.readDirSync(folder))) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory || entry.name === name) continue;
    if (!VERSION_REGEXP.test(entry.name) && !isLeftBehind(path)) continue;
    try {
      // Renamed first: a process that looks for it finds nothing instead of a part.
      const doomed = join(folder, `${UNFINISHED}${crypto.randomUUID()}`);
      if (whileUnused(path, () => Deno.renameSync(path, doomed))) Deno.removeSync(doomed, { recursive: true });
    } catch {
      continue;
    }
  }
}

function isLeftBehind(path: string): boolean {
  if (!path.includes(`/${UNFINISHED}`)) return false;
  const { mtime } = Deno.statSync(path);
  return mtime !== null && Date.now() - mtime.getTime() > UNFINISHED_MS_MAX;
}

function sizeOf({ files }: PackedFolder): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
