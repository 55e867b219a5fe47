/**
 * Finds models below a folder by their version folders, where nothing lists them.
 *
 * @module
 */
import { basename, join } from "node:path";
import { hasModelFile } from "./model_files.ts";

const VERSION_REGEXP = /^\d+$/;
/** Deeper than anyone puts a model, and an end to links that lead in circles. */
const DEPTH_MAX = 8;

/**
 * The folders of version folders below a folder, or the folder itself, in the order of their paths: of each, at least one version
 * has a file by which a model is known. What lies inside a version is not looked at.
 *
 * @throws {Deno.errors.NotFound} and what else the system says of the folder itself; folders below that cannot be read are left out.
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

/** Undefined for what is no folder, as links may turn out to be, or cannot be read. */
function tryRead(path: string): Deno.DirEntry[] | undefined {
  try {
    return Array.from(Deno.readDirSync(path));
  } catch {
    return undefined;
  }
}
