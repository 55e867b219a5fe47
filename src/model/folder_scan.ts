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

async function collect(folder: string, at: { prefix: string; depth: number; found: Found[] }): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    if (at.found.length >= FILES_MAX) return;
    const path = `${folder}/${entry.name}`;
    const info = entry.isDirectory ? undefined : await statIfThere(path);
    if (entry.isDirectory || info?.isDirectory) {
      if (entry.name.startsWith(".") || at.depth === DEPTH_MAX) continue;
      await collectIfReadable(path, { ...at, prefix: `${at.prefix}${entry.name}/`, depth: at.depth + 1 });
    } else if (info?.isFile) {
      at.found.push({ path: `${at.prefix}${entry.name}`, bytes: info.size, info });
    }
  }
}

async function collectIfReadable(folder: string, at: Parameters<typeof collect>[1]): Promise<void> {
  try {
    await collect(folder, at);
  } catch {
    // What is in it will be missed by whoever needs it, with a better sentence than could be said here.
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
