/**
 * Lists the files of a folder with a fingerprint, from names, sizes and times alone. Knows no models.
 *
 * @module
 */

/** How deep folders are searched: a SavedModel's `variables` and `assets.extra` are one level deep. */
const DEPTH_MAX = 4;

/** The most files that are listed. */
const FILES_MAX = 10_000;

/** One file of a folder. */
export interface FileEntry {
  /** Relative to the folder, with slashes: `variables/variables.index`. */
  readonly path: string;
  readonly bytes: number;
}

/** A folder at one moment. */
export interface FolderScan {
  readonly folder: string;
  /** Sorted by path; symbolic links are followed. */
  readonly files: readonly FileEntry[];
  /** Changes when a file is added, removed, written to, replaced or given other permissions. */
  readonly fingerprint: string;
  /** When the newest file was written, in milliseconds since 1970 on the file system's clock; 0 without files. */
  readonly modifiedMs: number;
}

/** A folder that is being listed, and the files found so far. */
interface Place {
  readonly prefix: string;
  readonly depth: number;
  readonly found: Found[];
}

interface Found extends FileEntry {
  readonly info: Deno.FileInfo;
}

/**
 * Lists the files of a folder, at most 10,000 and four levels deep. Leaves out folders whose names begin with a dot, and files that
 * vanish meanwhile.
 *
 * @throws what `Deno.readDir` throws when the folder itself cannot be read.
 */
export async function scanFolder(folder: string): Promise<FolderScan> {
  const found: Found[] = [];
  await collect(folder, { prefix: "", depth: 1, found });
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    folder,
    files: found.map(({ path, bytes }) => ({ path, bytes })),
    fingerprint: found.map(fingerprintOf).join("\n"),
    modifiedMs: found.reduce((newest, { info }) => Math.max(newest, info.mtime?.getTime() ?? 0), 0),
  };
}

/** Reads all names first, then all facts at once: one after another takes twice as long. */
async function collect(folder: string, at: Place): Promise<void> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  names.length = Math.min(names.length, FILES_MAX - at.found.length);
  const infos = await Promise.all(names.map((name) => statIfThere(`${folder}/${name}`)));
  for (const [i, name] of names.entries()) {
    const info = infos[i];
    if (info !== undefined && !info.isDirectory) at.found.push({ path: `${at.prefix}${name}`, bytes: info.size, info });
    if (!info?.isDirectory || name.startsWith(".") || at.depth === DEPTH_MAX) continue;
    const below = { ...at, prefix: `${at.prefix}${name}/`, depth: at.depth + 1 };
    // An unreadable folder is reported where its files are needed, with a better error than is possible here.
    await collect(`${folder}/${name}`, below).catch(() => {});
  }
}

async function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch {
    return undefined;
  }
}

function fingerprintOf({ path, info }: Found): string {
  return `${path} ${info.size} ${info.mtime?.getTime()} ${info.ino} ${info.mode}`;
}
