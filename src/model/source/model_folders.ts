/**
 * Finds the base paths below a folder by their version folders, where no configuration lists them.
 *
 * @module
 */
import { basename, join } from "node:path";
import { hasModelFile } from "./model_files.ts";

const VERSION_REGEXP = /^\d+$/;
/** Deep enough for any layout; also ends circles of symbolic links. */
const DEPTH_MAX = 8;

/**
 * Returns the base paths below a folder, or the folder itself, sorted: folders in which at least one version folder has a model file.
 * Does not search inside versions.
 *
 * @throws {Deno.errors.NotFound} and other errors of the folder itself; unreadable folders below it are left out.
 */
export function findModelFolders(root: string): string[] {
  const found: string[] = [];
  search(root, { entries: Array.from(Deno.readDirSync(root)), depth: 0, found });
  return found.sort();
}

function search(
  folder: string,
  { entries, depth, found }: { entries: readonly Deno.DirEntry[]; depth: number; found: string[] },
): void {
  for (const entry of entries) {
    if (entry.isFile || entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const inside = tryRead(path);
    if (inside === undefined) continue;
    if (VERSION_REGEXP.test(basename(path)) && hasModelFile(inside.map(({ name }) => name))) {
      if (!found.includes(folder)) found.push(folder);
    } else if (depth < DEPTH_MAX) {
      search(path, { entries: inside, depth: depth + 1, found });
    }
  }
}

/** Undefined when the path, possibly a link, is not a folder or cannot be read. */
function tryRead(path: string): Deno.DirEntry[] | undefined {
  try {
    return Array.from(Deno.readDirSync(path));
  } catch {
    return undefined;
  }
}
