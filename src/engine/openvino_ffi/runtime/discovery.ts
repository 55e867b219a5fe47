/**
 * Finds OpenVINO's C library on this machine by file names alone: opens, runs and changes nothing.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CODE, ServingError } from "../../../base/status.ts";

/** Where to look; tests replace all of it. */
export interface SearchOptions {
  /** The folder that the user names by flag: no other place is searched. */
  readonly directory?: string | undefined;
  /** Returns the folder of the executable's own libraries. Called only when the user names no folder. */
  readonly embeddedDir?: () => string | undefined;
  /** The project's folder; its own installed runtime is in `.ovserve/openvino/<version>/libs`. */
  readonly projectDir?: string;
  /** The folder of the executable; undefined unless the program is compiled. */
  readonly executableDir?: string | undefined;
  /** Reads an environment variable. */
  readonly env?: (name: string) => string | undefined;
  /** The root of the file system. */
  readonly root?: string;
}

/** An OpenVINO that was found. */
export interface Runtime {
  /** The C library. */
  readonly path: string;
  /** How it was found, for the log: `--openvino_dir`, `Python package`, … */
  readonly origin: string;
}

/** The oldest supported release, as numbered in file names: 2026.4.0 is 2640. */
const RELEASE_MIN = 2640;
/** `libopenvino_c.so`, `libopenvino_c.so.2641`, `libopenvino_c.2641.dylib`, `openvino_c.dll`. */
const LIBRARY_REGEXP = /^(?:libopenvino_c\.so(?:\.(\d+))?|libopenvino_c\.(?:(\d+)\.)?dylib|openvino_c\.dll)$/;
/** `libopenvino_tokenizers.so`, `openvino_tokenizers.dll`. */
const TOKENIZERS_REGEXP = /^(?:lib)?openvino_tokenizers\.(?:so|dylib|dll)$/;
/** The library of the Python package openvino-tokenizers, from that of the package openvino. */
const TOKENIZERS_PACKAGE = "../../openvino_tokenizers/lib";
/** Where the libraries are inside an installation: the folder itself, a wheel, an archive, a prefix. */
const INNER_FOLDERS = ["", "libs", "runtime/lib/*", "runtime/bin/*/Release", "lib"];

interface Place {
  readonly origin: string;
  /** A folder; one part of the path may contain `*`. */
  readonly pattern: string;
}

/**
 * Finds the C library in this order: the folder named by the flag or `OVSERVE_OPENVINO_DIR`; the libraries of the executable
 * or beside it; the project's own; an installed Python package; an installed Node package; OpenVINO's installer; the system.
 * The newest of several in one place is taken. Libraries that are too old are skipped.
 *
 * @throws {ServingError} FAILED_PRECONDITION with every place searched and what to do.
 */
export function findRuntime(options: SearchOptions = {}): Runtime {
  const env = options.env ?? Deno.env.get;
  const named = namedPlaces(options, env);
  const places = named.length > 0 ? named : usualPlaces(options, env);
  const looked: string[] = [];
  for (const { pattern, origin } of places) {
    let remark = "";
    for (const folder of expand(pattern)) {
      const library = libraryIn(folder);
      if (library === undefined) continue;
      if (library.release >= RELEASE_MIN) return { path: join(folder, library.name), origin };
      remark = ` (${library.name} is older than 2026.4)`;
    }
    looked.push(`  ${pattern}${remark}`);
  }
  const remedy = named.length > 0
    ? `Name a folder with libopenvino_c by --openvino_dir or OVSERVE_OPENVINO_DIR, or set neither`
    : "Install it with `deno task setup`, or name its folder by --openvino_dir or OVSERVE_OPENVINO_DIR";
  throw new ServingError(
    CODE.FAILED_PRECONDITION,
    `Cannot find OpenVINO 2026.4 or later, looked in\n${looked.join("\n")}\n${remedy}`,
  );
}

/**
 * Finds openvino-tokenizers, which has the operations on strings that TensorFlow models use. It must be of the same release as the C
 * library, so only that beside it is taken: in its folder, or in the Python package next to OpenVINO's.
 *
 * @returns its path; undefined if it is not there.
 */
export function findTokenizers(library: string): string | undefined {
  for (const folder of [dirname(library), join(dirname(library), TOKENIZERS_PACKAGE)]) {
    const name = namesIn(folder).find((name) => TOKENIZERS_REGEXP.test(name));
    if (name !== undefined) return join(folder, name);
  }
  return undefined;
}

function namedPlaces({ directory }: SearchOptions, env: (name: string) => string | undefined): Place[] {
  const fromEnv = env("OVSERVE_OPENVINO_DIR");
  const [folder, origin] = directory ? [directory, "--openvino_dir"] : [fromEnv, "OVSERVE_OPENVINO_DIR"];
  return folder ? INNER_FOLDERS.map((inner) => ({ pattern: join(folder, inner), origin })) : [];
}

function usualPlaces(options: SearchOptions, env: (name: string) => string | undefined): Place[] {
  const {
    embeddedDir,
    projectDir = fileURLToPath(new URL("../../../../", import.meta.url)),
    executableDir = Deno.build.standalone ? dirname(Deno.execPath()) : undefined,
    root = "/",
  } = options;
  const places: Place[] = [];
  const add = (origin: string, folder: string | undefined, ...inner: string[]): void => {
    if (folder) places.push(...inner.map((path) => ({ origin, pattern: join(folder, path) })));
  };
  add("inside the executable", embeddedDir?.(), "");
  add("beside the executable", executableDir, "openvino", "openvino/libs", "lib");
  add("deno task setup", projectDir, ".ovserve/openvino/*/libs");
  const python = "Python package";
  add(python, env("VIRTUAL_ENV"), "lib/python3*/site-packages/openvino/libs");
  add(python, env("CONDA_PREFIX"), "lib/python3*/site-packages/openvino/libs", "lib");
  add(python, env("HOME"), ".local/lib/python3*/site-packages/openvino/libs");
  add(python, root, "usr/local/lib/python3*/site-packages/openvino/libs");
  add(python, root, "usr/local/lib/python3*/dist-packages/openvino/libs");
  add(python, root, "usr/lib/python3*/dist-packages/openvino/libs", "usr/lib/python3*/site-packages/openvino/libs");
  add("Node package", projectDir, "node_modules/openvino-node/bin");
  add("INTEL_OPENVINO_DIR", env("INTEL_OPENVINO_DIR"), "runtime/lib/*");
  add("OpenVINO archive", root, "opt/intel/openvino*/runtime/lib/*");
  add("system library", root, "usr/lib/*-linux-gnu", "usr/lib64", "usr/local/lib", "usr/lib", "opt/homebrew/lib");
  return places;
}

/** The folders that match a pattern, the newest version first. */
function expand(pattern: string): string[] {
  const star = pattern.indexOf("*");
  if (star < 0) return [pattern];
  const start = pattern.lastIndexOf("/", star) + 1;
  const end = pattern.indexOf("/", star);
  const part = pattern.slice(start, end < 0 ? undefined : end);
  const rest = end < 0 ? "" : pattern.slice(end);
  const [prefix = "", suffix = ""] = part.split("*");
  return namesIn(pattern.slice(0, start))
    .filter((name) => name.startsWith(prefix) && name.endsWith(suffix) && name.length >= part.length - 1)
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }))
    .flatMap((name) => expand(pattern.slice(0, start) + name + rest));
}

function libraryIn(folder: string): { name: string; release: number } | undefined {
  const libraries = namesIn(folder).flatMap((name) => {
    const match = LIBRARY_REGEXP.exec(name);
    if (match === null) return [];
    const release = match[1] ?? match[2];
    // A name without a number is accepted; the library's version is checked when it is opened.
    return [{ name, release: release === undefined ? Infinity : Number(release) }];
  });
  return libraries.sort((a, b) => b.release - a.release)[0];
}

/** The names in a folder; none where it is missing, not a folder, or not readable. */
function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    return [];
  }
}
