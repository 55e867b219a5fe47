/**
 * The OpenVINO libraries that the compiled executable carries. The system's loader cannot open them inside it, so the first
 * start copies them to a cache folder and later ones find them there. Knows nothing of what the libraries do.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CODE, ServingError } from "../../base/status.ts";

/** Where `deno task compile` puts the one folder to carry: its name says version and content. */
const EMBEDDED = fileURLToPath(new URL("../../../.ovserve/embedded/", import.meta.url));

/** Permission bits that let others than the owner write. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes the libraries of this executable loadable. The first start copies some 110 MB, later ones look at names and sizes.
 *
 * @returns the library folder, or undefined when this is no compiled executable or one without libraries.
 * @throws {ServingError} FAILED_PRECONDITION naming each cache folder and why it cannot be used.
 */
export function unpackEmbeddedRuntime(): string | undefined {
  if (!Deno.build.standalone) return undefined;
  const name = embeddedName();
  return name === undefined ? undefined : join(unpackEmbedded(join(EMBEDDED, name), cacheFolders()), "libs");
}

function embeddedName(): string | undefined {
  try {
    for (const { name } of Deno.readDirSync(EMBEDDED)) return name;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  return undefined;
}

/** Folders for caches, the user's choice first. The temporary folder is for containers without a home. */
function cacheFolders(): string[] {
  const home = Deno.env.get("HOME");
  const folders = [
    Deno.env.get("XDG_CACHE_HOME"),
    Deno.env.get("LOCALAPPDATA"),
    home === undefined ? undefined : join(home, ".cache"),
    Deno.env.get("TMPDIR") ?? "/tmp",
  ];
  return folders.filter((folder) => folder !== undefined && folder !== "") as string[];
}

/**
 * Copies a folder into the first cache that takes it, unless one holds it already. It appears there whole or not at all,
 * also when several processes do this at once, and is made anew when files in it were lost.
 *
 * @param source a folder whose name changes with its content.
 * @param caches folders that need not exist yet.
 * @returns the copy: `<cache>/ovserve/<name of source>`.
 * @throws {ServingError} FAILED_PRECONDITION when no cache takes it.
 */
export function unpackEmbedded(source: string, caches: readonly string[]): string {
  const name = source.slice(source.lastIndexOf("/") + 1);
  const files = filesOf(source);
  const failures: string[] = [];
  for (const cache of caches) {
    const folder = join(cache, "ovserve");
    const copy = join(folder, name);
    try {
      makeOwnFolder(folder);
      if (!isWhole(copy, files)) replace(copy, source);
      return copy;
    } catch (thrown) {
      failures.push(`${folder}: ${thrown instanceof Error ? thrown.message : thrown}`);
    }
  }
  throw new ServingError(
    CODE.FAILED_PRECONDITION,
    `Cannot unpack the OpenVINO libraries of this executable (${failures.join("; ")}). ` +
      "Set XDG_CACHE_HOME to a folder of yours with 120 MB to spare",
  );
}

/** Libraries are run, so the folder must be one that nobody else can put files into. */
function makeOwnFolder(folder: string): void {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  if (!isDirectory) throw new Error("it is not a folder");
  if (uid !== null && uid !== Deno.uid() && uid !== 0) throw new Error("it belongs to another user");
  if (((mode ?? 0) & WRITABLE_BY_OTHERS) !== 0) throw new Error("others can write to it");
}

/** Every file below a folder with its size, by path relative to the folder. */
function filesOf(folder: string, prefix = ""): Map<string, number> {
  const files = new Map<string, number>();
  for (const { name, isDirectory } of Deno.readDirSync(join(folder, prefix))) {
    const path = join(prefix, name);
    if (!isDirectory) files.set(path, Deno.statSync(join(folder, path)).size);
    else for (const [inner, size] of filesOf(folder, path)) files.set(inner, size);
  }
  return files;
}

function isWhole(copy: string, files: ReadonlyMap<string, number>): boolean {
  try {
    for (const [path, size] of files) {
      if (Deno.statSync(join(copy, path)).size !== size) return false;
    }
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

/** Copies beside the place first, then moves into it. */
function replace(copy: string, source: string): void {
  const work = Deno.makeTempDirSync({ dir: join(copy, ".."), prefix: "unpacking-" });
  try {
    const files = filesOf(source);
    const fresh = join(work, "fresh");
    for (const path of files.keys()) {
      Deno.mkdirSync(join(fresh, path, ".."), { recursive: true });
      Deno.copyFileSync(join(source, path), join(fresh, path));
    }
    if (moveTo(copy, fresh) || isWhole(copy, files)) return;
    // A process that has files of the broken copy open keeps them.
    Deno.renameSync(copy, join(work, "broken"));
    Deno.renameSync(fresh, copy);
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
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
