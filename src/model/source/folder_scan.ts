/**
 * What lies in a folder and a fingerprint of it, told from names, sizes and times alone. Knows nothing of models.
 *
 * @module
 */

/** How deep folders in folders are looked into: a SavedModel's `variables` and `assets.extra` are one deep. */
const DEPTH_MAX = 4;

/** How many files are looked at. */
const FILES_MAX = 10_000;

/** One file of a folder. */
export interface FileEntry {
  /** From the folder on, with slashes: `variables/variables.index`. */
  readonly path: string;
  readonly bytes: number;
}

/** A folder at one moment. */
export interface FolderScan {
  readonly folder: string;
  /** In the order of their paths; those that symbolic links lead to are among them. */
  readonly files: readonly FileEntry[];
  /** Differs when a file has come, gone, grown, been written to, replaced or given other permissions. */
  readonly fingerprint: string;
  /** When the newest file was written, in milliseconds since 1970 by the file system's clock; 0 without files. */
  readonly modifiedMs: number;
}

/** Where collecting has come to. */
interface Place {
  readonly prefix: string;
  readonly depth: number;
  readonly found: Found[];
}

interface Found extends FileEntry {
  readonly info: Deno.FileInfo;
}

/**
 * Looks at the files of a folder, at most 10,000 and four folders deep; folders whose names begin with a dot are left out, and
 * so is what vanishes meanwhile.
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

/** Names first, then all of them at once: waiting for one after another costs twice as much. */
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
    // What cannot be read will be missed by whoever needs it, with a better sentence than could be said here.
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
