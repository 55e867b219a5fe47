/**
 * The OpenVINO libraries inside the compiled executable. The system's loader cannot open them there, so the first start unpacks them
 * to a cache folder, where later starts find them.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type PackedFolder, unpack } from "./runtime_cache.ts";

/** The folder that `deno task compile` fills for this file, inside the executable. */
const EMBEDDED = fileURLToPath(new URL("../../../../.ovserve/embedded/", import.meta.url));

/** The libraries inside the executable, as `deno task compile` describes them in `runtime.json`. */
export interface CarriedRuntime {
  /** Version and content: `openvino-2026.4.1-0123456789ab`. */
  readonly name: string;
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
    /**
     * Where the file begins in the executable. Without it, the file is in the executable's own file system, all of which Deno 2.6
     * copies into memory at each start.
     */
    readonly offset?: number;
  }[];
}

/**
 * Makes the libraries of this executable loadable. The first start copies about 100 MB, later ones check names and sizes.
 *
 * @param runtimeDir the folder to unpack to, in place of the usual ones for caches.
 * @returns the library folder; undefined unless this is a compiled executable with libraries.
 * @throws {ServingError} FAILED_PRECONDITION naming each cache folder and why it cannot be used.
 */
export function unpackEmbeddedRuntime(runtimeDir?: string): string | undefined {
  const carried = Deno.build.standalone ? readManifest() : undefined;
  if (carried === undefined) return undefined;
  const caches = runtimeDir === undefined
    ? { folders: cacheFolders(Deno.env.get), isChosen: false }
    : { folders: [runtimeDir], isChosen: true };
  return join(unpack(toPacked(carried), caches), "libs");
}

function readManifest(): CarriedRuntime | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(join(EMBEDDED, "runtime.json")));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

function toPacked({ name, files }: CarriedRuntime): PackedFolder {
  const executable = Deno.execPath();
  return {
    name,
    files: files.map(({ path, bytes, sha256, offset }) => ({
      path,
      bytes,
      sha256,
      source: offset === undefined ? join(EMBEDDED, name, path) : executable,
      offset: offset ?? 0,
    })),
  };
}

/**
 * Folders for caches, the user's choice first; the last ones are for containers without a home. Relative paths are left out, as the
 * XDG base directory specification requires.
 */
export function cacheFolders(env: (name: string) => string | undefined): string[] {
  const home = env("HOME");
  const folders = [
    env("XDG_CACHE_HOME"),
    env("LOCALAPPDATA"),
    home === undefined ? undefined : join(home, ".cache"),
    env("TMPDIR"),
    ...(Deno.build.os === "windows" ? [] : ["/tmp", "/var/tmp", "/dev/shm"]),
  ];
  return [...new Set(folders.filter((folder) => folder !== undefined && isAbsolute(folder)))] as string[];
}
