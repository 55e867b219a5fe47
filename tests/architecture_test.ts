/**
 * Keeps the promises of docs/ARCHITECTURE.md that neither the compiler nor the linter can: who imports whom, who owns which
 * package, how long a file may be.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What each folder of src/ may import besides itself: a folder, or one file of it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  core: ["base"],
  engine: ["base"],
  http2: ["base"],
  model: ["base", "core", "engine/engine.ts"],
  service: ["base", "core", "model"],
  grpc: ["base", "http2", "service"],
  rest: ["base", "service"],
  config: ["base"],
  "grpc_server.ts": ["base", "config", "grpc", "http2", "service"],
  threads: ["base", "config", "core", "engine/engine.ts", "grpc", "model", "service", "grpc_server.ts"],
  cli: [
    "base",
    "config",
    "core",
    "engine/engine.ts",
    "grpc",
    "http2",
    "model",
    "rest",
    "service",
    "app.ts",
    "version_loader.ts",
  ],
  "front_ends.ts": ["base", "config", "grpc", "rest", "service", "threads", "grpc_server.ts", "observation.ts"],
  "version_loader.ts": ["base", "config", "engine/engine.ts", "grpc", "model"],
  "served_models.ts": ["base", "config", "core", "engine/engine.ts", "model", "threads", "version_loader.ts"],
  "observation.ts": ["base", "config", "core", "grpc", "model", "rest", "service", "threads"],
};

/** Folders that may import types from everywhere: a configuration is made of everyone's options. */
const MAY_IMPORT_TYPES: readonly string[] = ["config"];

/** The files that may import everything, to put it together: on the main thread and on the others. */
const COMPOSITION_ROOTS: readonly string[] = ["app.ts", "serving_thread_worker.ts"];

/** The one folder of src/ that may import each package. */
const PACKAGE_OWNER: Readonly<Record<string, string>> = {
  "@grpc/grpc-js": "cli",
  "@grpc/proto-loader": "grpc",
  "@opentelemetry/api": "service",
  "commander": "cli",
  "pino": "base",
  "zod": "config",
};

/** Who may write to the console, as a start of paths. */
const CONSOLE_WRITERS: readonly string[] = ["base/log.ts", "cli/"];

/** Folders of the repository with files written here: no hidden ones, nothing generated. */
const OWN_FOLDER_REGEXP = /^(?!dist$|node_modules$)[a-z]/;

const LINES_MAX = 400;

/** Finds `import … from "x"`, `import "x"`, `export … from "x"` and `import("x")`, as the formatter writes them. */
const IMPORT_REGEXP = /^(?:import|export) (type )?(?:[\w$*{},\s]+ from )?"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

/** An exported declaration with the line before it. */
const EXPORT_REGEXP = /^(.*)\nexport (?:declare |abstract |async )*(?:function|class|const|let|interface|type) (\w+)/gm;

interface Import {
  /** A path below src/, or the name of a package. */
  readonly target: string;
  readonly isLocal: boolean;
  readonly isType: boolean;
}

interface SourceFile {
  /** Relative to src/. */
  readonly path: string;
  /** The folder of src/ it lies in; `app.ts` and the like are their own. */
  readonly layer: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

function typeScriptFiles(folder: string): string[] {
  return Array.from(Deno.readDirSync(join(ROOT, folder))).flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? typeScriptFiles(path) : path.endsWith(".ts") ? [path] : [];
  });
}

function layerOf(path: string): string {
  return path.split("/")[0] ?? path;
}

function importsOf(path: string, text: string): Import[] {
  return Array.from(text.matchAll(IMPORT_REGEXP), (match) => {
    const specifier = match[2] ?? match[3] ?? "";
    const isLocal = specifier.startsWith(".");
    return { target: isLocal ? join(dirname(path), specifier) : specifier, isLocal, isType: match[1] !== undefined };
  });
}

/** Everything below src/ that is part of the program; tests import what they like. */
const sources: readonly SourceFile[] = typeScriptFiles("src")
  .filter((path) => !/_(test|bench|testing)\.ts$/.test(path))
  .map((fullPath) => {
    const path = fullPath.slice("src/".length);
    const text = Deno.readTextFileSync(join(ROOT, fullPath));
    return { path, layer: layerOf(path), text, imports: importsOf(path, text) };
  });

function mayImport(file: SourceFile, { target, isType }: Import): boolean {
  if (COMPOSITION_ROOTS.includes(file.path) || layerOf(target) === file.layer) return true;
  if (isType && MAY_IMPORT_TYPES.includes(file.layer)) return true;
  return (MAY_IMPORT[file.layer] ?? []).some((allowed) => target === allowed || target.startsWith(`${allowed}/`));
}

/** One line for each import of `files` that `isWrong`. */
function wrongImports(isWrong: (file: SourceFile, it: Import) => boolean): string[] {
  return sources.flatMap((file) =>
    file.imports.filter((it) => isWrong(file, it)).map(({ target }) => `src/${file.path} must not import ${target}`)
  );
}

Deno.test("the folders of src/ are those the architecture names", () => {
  const folders = sources.filter(({ path }) => path.includes("/")).map(({ layer }) => layer);
  const unknown = [...new Set(folders)].filter((folder) => MAY_IMPORT[folder] === undefined);
  assert.deepEqual(unknown, []);
});

Deno.test("imports in src/ point downwards only, and only those who put everything together name a concrete engine", () => {
  assert.deepEqual(wrongImports((file, it) => it.isLocal && !mayImport(file, it)), []);
});

Deno.test("each package is imported by the one folder of src/ that owns it", () => {
  const isPackage = ({ target, isLocal }: Import) => !isLocal && !target.startsWith("node:");
  assert.deepEqual(wrongImports((file, it) => isPackage(it) && PACKAGE_OWNER[it.target] !== file.layer), []);
});

Deno.test("src/ writes to the console in the log and the command line only", () => {
  const writers = sources.filter(({ text }) => /\bconsole\.\w+\(/.test(text)).map(({ path }) => path);
  assert.deepEqual(writers.filter((path) => !CONSOLE_WRITERS.some((start) => path.startsWith(start))), []);
});

Deno.test("each file of src/ opens with what it is for", () => {
  const silent = sources.filter(({ text }) => !/^\/\*\*\n(?: \*.*\n)*? \* @module\n \*\/\n/.test(text));
  assert.deepEqual(silent.map(({ path }) => `src/${path}`), []);
});

Deno.test("each export of src/ says what it is", () => {
  const silent = sources.flatMap(({ path, text }) =>
    Array.from(text.matchAll(EXPORT_REGEXP))
      .filter(([, before]) => before?.endsWith("*/") !== true)
      .map(([, , name]) => `src/${path}: ${name}`)
  );
  assert.deepEqual(silent, []);
});

Deno.test(`no TypeScript file is longer than ${LINES_MAX} lines`, () => {
  const folders = Array.from(Deno.readDirSync(ROOT)).filter(({ name, isDirectory }) =>
    isDirectory && OWN_FOLDER_REGEXP.test(name)
  );
  const files = folders.flatMap(({ name }) => typeScriptFiles(name));
  const linesOf = (path: string) => Deno.readTextFileSync(join(ROOT, path)).split("\n").length - 1;
  const long = files.map((path) => ({ path, lines: linesOf(path) })).filter(({ lines }) => lines > LINES_MAX);
  assert.deepEqual(long, []);
});
