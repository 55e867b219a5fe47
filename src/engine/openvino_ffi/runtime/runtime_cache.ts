/**
 * A cache folder for libraries that the system's loader must find on disk: whole, as they were made, safe from other users, and
 * without those of older programs. Knows neither what the libraries are nor where their bytes come from.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CODE, ServingError } from "../../../base/status.ts";
import { fileSystemFacts, holdFolder, whileUnused } from "../../../system/libc.ts";

/** One file and where its bytes are. */
export interface PackedFile {
  /** Below the folder it is unpacked to: `libs/libopenvino_c.so.2641`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The file that holds the bytes, from `offset` on. */
  readonly source: string;
  readonly offset: number;
}

/** What is unpacked into one folder. */
export interface PackedFolder {
  /** The folder's name, which changes with the content: `openvino-2026.4.1-0123456789ab`. */
  readonly name: string;
  readonly files: readonly PackedFile[];
}

/** Where to unpack to. */
export interface Caches {
  /** Folders to try in this order; they need not exist yet. */
  readonly folders: readonly string[];
  /** Whether the user chose them, and so answers for who else can rename things in there. */
  readonly isChosen: boolean;
}

/** Permission bits: others than the owner may write; everyone may; only owners may rename and remove. */
const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/** A folder of ours: name, version, start of the content's hash. */
const VERSION_REGEXP = /^[a-z]+-[\d.]+-[\da-f]{12}$/;
/** Folders under construction start so. */
const UNFINISHED = "unpacking-";
/** After this long a folder under construction that no one holds was left behind by a process that was killed. */
const UNFINISHED_MS_MAX = 600_000;

const CHUNK_BYTES = 4 << 20;

/**
 * Unpacks into the first folder that takes it, unless one has it already: then nothing is written. The folder appears whole or
 * not at all, also when several processes do this at once, and is made anew when files in it were lost. It stays until this
 * process ends: others that unpack something newer remove only what no process uses.
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
    `Cannot unpack the OpenVINO libraries this executable carries (${megabytes(sizeOf(packed))}): ${
      failures.join("; ")
    }. ` +
      "Name a folder of yours by --runtime_dir, on a file system that is writable and lets programs run",
  );
}

/** The bytes are not those that were packed, which no other folder helps against. */
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

/** Whether it is there to be held. */
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

/** Where everyone may rename things, another user could put a folder in the place of ours. */
function checkParent(cache: string): void {
  if (!existsSync(cache)) return;
  const mode = Deno.statSync(cache).mode ?? 0;
  if ((mode & WRITABLE_BY_ALL) !== 0 && (mode & STICKY) === 0) {
    throw new Error(`every user can rename folders in ${cache}`);
  }
}

/** Libraries are run, so the folder must be one that nobody else can put files into. */
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
  if (facts?.runsCode === false) throw new Error("its file system does not let programs run (noexec)");
  if (facts !== undefined && facts.freeBytes < bytes) {
    throw new Error(`there are only ${megabytes(facts.freeBytes)} free`);
  }
}

/** Writes all files and checks that they are what was packed. */
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
      throw new DamagedError(`The executable is damaged: ${path} is not as it was made. Download it again`);
    }
  }
}

/** The rename is what makes the copy appear. Whoever comes second leaves the first one's. */
function moveIntoPlace(fresh: string, { copy, packed }: { copy: string; packed: PackedFolder }): void {
  if (moveTo(copy, fresh) || isWhole(copy, packed)) return;
  // A process that has files of the broken copy open keeps them.
  Deno.renameSync(copy, join(dirname(fresh), "broken"));
  Deno.renameSync(fresh, copy);
}

/** Whether the move was possible: the place is taken when another process was faster, or when a broken copy is there. */
function moveTo(place: string, folder: string): boolean {
  try {
    Deno.renameSync(folder, place);
    return true;
  } catch (thrown) {
    if (existsSync(place)) return false;
    throw thrown;
  }
}

/** What cannot be removed stays: it is in nobody's way. */
function removeOthers(folder: string, name: string): void {
  for (const entry of Array.from(Deno.readDirSync(folder))) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory || entry.name === name) continue;
    if (!VERSION_REGEXP.test(entry.name) && !isLeftBehind(path)) continue;
    try {
      // Under another name first: a process that begins to look for it finds nothing rather than a half.
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
