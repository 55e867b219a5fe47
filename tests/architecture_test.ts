/**
 * Keeps the promises of docs/ARCHITECTURE.md that neither the compiler nor the linter can: who imports whom, who owns which
 * package, how long a file may be.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What each room of src/ may import besides itself: a room, or one file of it. A sub-room without a line of its own follows its room. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  system: ["base"],
  protobuf: ["base"],
  json: ["base"],
  core: ["base"],
  http2: ["base"],
  engine: ["base", "system"],
  grpc: ["base", "system", "protobuf", "http2"],
  rest: ["base", "system", "json"],
  model: ["base", "system", "core", "protobuf", "engine/engine.ts"],
  storage: ["base", "system", "core"],
  service: ["base", "core", "model"],
  telemetry: ["base", "system", "core", "model", "service"],
  "apis/tensorflow_serving": ["base", "protobuf", "json", "service", "grpc", "rest"],
  "apis/open_inference": ["base", "protobuf", "json", "service", "grpc", "rest"],
  "apis/sagemaker": ["base", "json", "service", "rest", "apis/tensorflow_serving"],
  console: ["base", "service", "telemetry", "rest"],
  config: ["base", "protobuf", "json"],
  threads: [
    "base",
    "system",
    "config",
    "core",
    "engine/engine.ts",
    "model",
    "service",
    "telemetry",
    "grpc",
    "rest",
    "apis",
  ],
  app: ["*"],
  cli: [
    "base",
    "system",
    "protobuf",
    "json",
    "core",
    "engine/engine.ts",
    "http2",
    "grpc",
    "rest",
    "model",
    "service",
    "telemetry",
    "apis",
    "config",
    "app",
  ],
};

/** Rooms that may import types from everywhere: a configuration is made of everyone's options. */
const MAY_IMPORT_TYPES: readonly string[] = ["config"];

/** Concrete engines are named in `app/` alone. */
const ENGINE_ROOMS: readonly string[] = ["engine/openvino_ffi", "engine/openvino_node"];

/** The one room of src/ that may import each package. */
const PACKAGE_OWNER: Readonly<Record<string, string>> = {
  "@opentelemetry/api": "telemetry",
  "commander": "cli",
  "pino": "base",
  "zod": "config",
};

/** Who may write to the console, as a start of paths. */
const CONSOLE_WRITERS: readonly string[] = ["base/log.ts", "cli/"];

/** How many files a room may have, its tests and benchmarks not counted, before it needs a sub-room. */
const ROOM_FILES_MAX = 16;

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
  /** The room it lies in, by its key in {@link MAY_IMPORT}. */
  readonly room: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

function typeScriptFiles(folder: string): string[] {
  return Array.from(Deno.readDirSync(join(ROOT, folder))).flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? typeScriptFiles(path) : path.endsWith(".ts") ? [path] : [];
  });
}

/** The room of a path below src/: the longest key of {@link MAY_IMPORT} it starts with, else its first folder. */
function roomOf(path: string): string {
  const rooms = Object.keys(MAY_IMPORT).filter((room) => path.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? path.split("/")[0] ?? path;
}

/** Whether a path belongs to a room's support for tests. */
function isTestSupport(path: string): boolean {
  return path.includes("/testing/");
}

function importsOf(path: string, text: string): Import[] {
  return Array.from(text.matchAll(IMPORT_REGEXP), (match) => {
    const specifier = match[2] ?? match[3] ?? "";
    const isLocal = specifier.startsWith(".");
    return { target: isLocal ? join(dirname(path), specifier) : specifier, isLocal, isType: match[1] !== undefined };
  });
}

/** Everything below src/ but the tests and benchmarks themselves, which import what they like. */
const sources: readonly SourceFile[] = typeScriptFiles("src")
  .filter((path) => !/_(test|bench)\.ts$/.test(path))
  .map((fullPath) => {
    const path = fullPath.slice("src/".length);
    const text = Deno.readTextFileSync(join(ROOT, fullPath));
    return { path, room: roomOf(path), text, imports: importsOf(path, text) };
  });

function mayImport(file: SourceFile, { target, isType }: Import): boolean {
  // Support for tests follows the rules of its room, and may use that of the rooms below; the program uses none.
  if (isTestSupport(target) && !isTestSupport(file.path)) return false;
  const isConcreteEngine = ENGINE_ROOMS.some((room) => target.startsWith(`${room}/`));
  if (isConcreteEngine && file.room !== "app") return file.room === "engine" && dirname(target) === dirname(file.path);
  if (roomOf(target) === file.room) return true;
  if (isType && MAY_IMPORT_TYPES.includes(file.room)) return true;
  const allowed = MAY_IMPORT[file.room] ?? [];
  if (
    isTestSupport(file.path) && isTestSupport(target) &&
    allowed.some((room) => target.startsWith(room.replace(/\/engine\.ts$/, "/")))
  ) return true;
  return allowed.some((room) => room === "*" || target === room || target.startsWith(`${room}/`));
}

/** One line for each import of `files` that `isWrong`. */
function wrongImports(isWrong: (file: SourceFile, it: Import) => boolean): string[] {
  return sources.flatMap((file) =>
    file.imports.filter((it) => isWrong(file, it)).map(({ target }) => `src/${file.path} must not import ${target}`)
  );
}

Deno.test("the rooms of src/ are those the architecture names", () => {
  const unknown = sources.filter(({ room }) => MAY_IMPORT[room] === undefined).map(({ path }) => path);
  assert.deepEqual(unknown, []);
});

Deno.test("imports in src/ point down, and app/ alone names a concrete engine", () => {
  assert.deepEqual(wrongImports((file, it) => it.isLocal && !mayImport(file, it)), []);
});

/** The groups of files of src/ that import each other in a circle, type-only imports included; each group in order of paths. */
function importCircles(): string[][] {
  const importsByPath = new Map(sources.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const reachable = new Map(sources.map(({ path }) => [path, reachableFrom(path, importsByPath)]));
  const groups = sources.map(({ path }) =>
    Array.from(reachable.get(path) ?? []).filter((other) => reachable.get(other)?.has(path)).sort()
  );
  return [...new Map(groups.filter(({ length }) => length > 0).map((group) => [group.join(), group])).values()];
}

/** All files that a file imports, directly or not. */
function reachableFrom(start: string, importsByPath: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>();
  const toVisit = [...importsByPath.get(start) ?? []];
  for (let path = toVisit.pop(); path !== undefined; path = toVisit.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    toVisit.push(...importsByPath.get(path) ?? []);
  }
  return reached;
}

Deno.test("no files of src/ import each other in a circle", () => {
  const imports = sources.flatMap((file) => file.imports).filter(({ isLocal }) => isLocal);
  assert(imports.length > sources.length, "The imports of src/ were not found");
  assert.deepEqual(importCircles(), []);
});

Deno.test("each package is imported by the one room of src/ that owns it", () => {
  const isPackage = ({ target, isLocal }: Import) => !isLocal && !target.startsWith("node:");
  const isOwner = (file: SourceFile, it: Import) => isTestSupport(file.path) || PACKAGE_OWNER[it.target] === file.room;
  assert.deepEqual(wrongImports((file, it) => isPackage(it) && !isOwner(file, it)), []);
});

Deno.test(`no room of src/ has more than ${ROOM_FILES_MAX} files`, () => {
  const rooms = Map.groupBy(sources, ({ path }) => dirname(path));
  const crowded = Array.from(rooms, ([room, files]) => ({ room, files: files.length }));
  assert.deepEqual(crowded.filter(({ files }) => files > ROOM_FILES_MAX), []);
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
