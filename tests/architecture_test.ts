/**
 * Enforces what docs/ARCHITECTURE.md promises and neither compiler nor linter checks: which room imports which, which room owns
 * which package, how long a file and how large a room may be. The table of rooms is read from that page.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What a room of src/ may import besides itself. */
interface Rule {
  /** Rooms, or single files of them; `*` is every room. */
  readonly rooms: readonly string[];
  /** Whether types may come from every room: a configuration is made of everyone's options. */
  readonly hasAllTypes: boolean;
}

const ARCHITECTURE = Deno.readTextFileSync(join(ROOT, "docs/ARCHITECTURE.md"));

/** The rules by room: `engine`, `apis/sagemaker`. A sub-room without a row of its own follows its room. */
const RULES: ReadonlyMap<string, Rule> = new Map(
  tableRows("room").flatMap(([rooms = "", imports = ""]) => {
    const rule = {
      rooms: /any room$/.test(imports) ? ["*"] : codeWords(imports),
      hasAllTypes: /types of/.test(imports),
    };
    return codeWords(rooms).map((room) => [room, rule]);
  }),
);

/** The folders of tests/. */
const TEST_ROOMS: readonly string[] = tableRows("folder of tests/").flatMap(([rooms = ""]) => codeWords(rooms));

/** Rows of the table in docs/ARCHITECTURE.md whose first heading is `heading`, each as its cells. */
function tableRows(heading: string): string[][] {
  const lines = ARCHITECTURE.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  assert(start >= 0, `docs/ARCHITECTURE.md has no table "${heading}"`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** The words of a cell that are written as code. */
function codeWords(cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, word = ""]) => word);
}

/** Concrete engines are named in `app/` alone. */
const ENGINE_ROOMS: readonly string[] = ["engine/openvino_ffi", "engine/openvino_node"];

/** The one room of src/ that may import each package. */
const PACKAGE_OWNER: Readonly<Record<string, string>> = {
  "@opentelemetry/api": "telemetry",
  "commander": "cli",
  "pino": "base",
  "zod": "config",
};

/** Paths that may write to the console, by how they begin. Test support may as well. */
const CONSOLE_WRITERS: readonly string[] = ["base/log.ts", "cli/"];

/** How many files a room may have before it needs a sub-room. Unit tests and benchmarks beside the code are not counted. */
const ROOM_FILES_MAX = 16;

/** Folders of the repository with files written here: no hidden ones, nothing generated. */
const OWN_FOLDER_REGEXP = /^(?!dist$|node_modules$)[a-z]/;

const LINES_MAX = 400;

/** Finds `import … from "x"`, `import "x"`, `export … from "x"`, `import("x")` and `new URL("x.ts", …)`, as the formatter writes them. */
const IMPORT_REGEXP =
  /^(?:import|export) (type )?(?:[\w$*{},\s]+ from )?"([^"]+)"|\bimport\(\s*"([^"]+)"|\bnew URL\(\s*"(\.[^"]+\.ts)"/gm;

/** An exported declaration with the line before it. */
const EXPORT_REGEXP = /^(.*)\nexport (?:declare |abstract |async )*(?:function|class|const|let|interface|type) (\w+)/gm;

interface Import {
  /** A path below src/, or the name of a package. */
  readonly target: string;
  readonly isLocal: boolean;
  readonly isType: boolean;
  /** Whether it is started as a worker instead of imported. */
  readonly isWorker: boolean;
}

interface SourceFile {
  /** Relative to src/. */
  readonly path: string;
  /** The room it lies in, by its name in {@link RULES}. */
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

/** The room of a path below src/: the longest name in {@link RULES} that it starts with, else its first folder. */
function roomOf(path: string): string {
  const rooms = Array.from(RULES.keys()).filter((room) => path.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? path.split("/")[0] ?? path;
}

/** Whether a path belongs to a room's support for tests. */
function isTestSupport(path: string): boolean {
  return path.includes("/testing/");
}

function importsOf(path: string, text: string): Import[] {
  return Array.from(text.matchAll(IMPORT_REGEXP), (match) => {
    const specifier = match[2] ?? match[3] ?? match[4] ?? "";
    const isLocal = specifier.startsWith(".");
    const target = isLocal ? join(dirname(path), specifier) : specifier;
    return { target, isLocal, isType: match[1] !== undefined, isWorker: match[4] !== undefined };
  });
}

function isTestFile(path: string): boolean {
  return /_(test|bench)\.ts$/.test(path);
}

function readSource(fullPath: string): SourceFile {
  const path = fullPath.slice("src/".length);
  const text = Deno.readTextFileSync(join(ROOT, fullPath));
  return { path, room: roomOf(path), text, imports: importsOf(path, text) };
}

const everything: readonly SourceFile[] = typeScriptFiles("src").map(readSource);
/** The program and its support for tests, without the tests and benchmarks themselves. */
const sources: readonly SourceFile[] = everything.filter(({ path }) => !isTestFile(path));

/** Whether a path is below one of some rooms, or is a file named among them. */
function isIn(path: string, rooms: readonly string[]): boolean {
  return rooms.some((room) => room === "*" || path === room || path.startsWith(`${room}/`));
}

function mayImport(file: SourceFile, { target, isType }: Import): boolean {
  const { rooms, hasAllTypes } = RULES.get(file.room) ?? { rooms: [], hasAllTypes: false };
  if (isTestSupport(target)) {
    if (isTestFile(file.path) || roomOf(target) === file.room) return isTestFile(file.path) || isTestSupport(file.path);
    // A room that may import one file of another may use the other's support: a fake engine where there is its port.
    return isTestSupport(file.path) && isIn(target, rooms.map((room) => room.replace(/\/\w+\.ts$/, "")));
  }
  const engine = ENGINE_ROOMS.find((room) => target.startsWith(`${room}/`));
  if (engine !== undefined) return file.room === "app" || file.path.startsWith(`${engine}/`);
  return roomOf(target) === file.room || (isType && hasAllTypes) || isIn(target, rooms);
}

/** One line for each import of some files that `isWrong`. */
function wrongImports(files: readonly SourceFile[], isWrong: (file: SourceFile, it: Import) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports.filter((it) => isWrong(file, it)).map(({ target }) => `src/${file.path} must not import ${target}`)
  );
}

Deno.test("the rooms of src/ and the folders of tests/ are those in docs/ARCHITECTURE.md", () => {
  assert.deepEqual(everything.filter(({ room }) => !RULES.has(room)).map(({ path }) => path), []);
  const foldersOf = (folder: string) =>
    Array.from(Deno.readDirSync(join(ROOT, folder))).filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  assert.deepEqual(foldersOf("tests").toSorted(), TEST_ROOMS.toSorted());
});

Deno.test("only the test of the architecture lies outside the folders of tests/", () => {
  const files = Array.from(Deno.readDirSync(join(ROOT, "tests"))).filter(({ isFile }) => isFile);
  assert.deepEqual(files.map(({ name }) => name).toSorted(), ["architecture_test.ts", "requirements.txt"]);
});

Deno.test("imports in src/ point down, and app/ alone names a concrete engine", () => {
  assert.deepEqual(wrongImports(everything, (file, it) => it.isLocal && !mayImport(file, it)), []);
});

/** The groups of files of src/ that import each other in a circle, type-only imports included; each group in order of paths. */
function importCircles(): string[][] {
  const importsByPath = new Map(
    sources.map(({ path, imports }) => [path, imports.filter(({ isWorker }) => !isWorker).map(({ target }) => target)]),
  );
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
  assert.deepEqual(wrongImports(sources, (file, it) => isPackage(it) && !isOwner(file, it)), []);
});

Deno.test(`no room has more than ${ROOM_FILES_MAX} files`, () => {
  const beside = [...typeScriptFiles("src"), ...typeScriptFiles("bench"), ...typeScriptFiles("scripts")];
  // The files of tests/ are tests, so there they count.
  const files = [...beside.filter((path) => !isTestFile(path)), ...typeScriptFiles("tests")];
  const rooms = Array.from(Map.groupBy(files, dirname), ([room, { length }]) => ({ room, files: length }));
  assert.deepEqual(rooms.filter((room) => room.files > ROOM_FILES_MAX), []);
});

Deno.test("src/ writes to the console in the log and the command line only", () => {
  const writers = sources.filter(({ path, text }) => !isTestSupport(path) && /\bconsole\.\w+\(/.test(text));
  const paths = writers.map(({ path }) => path);
  assert.deepEqual(paths.filter((path) => !CONSOLE_WRITERS.some((start) => path.startsWith(start))), []);
});

Deno.test("each file opens with what it is for", () => {
  const silent = sources.filter(({ text }) => !/^\/\*\*\n(?: \*.*\n)*? \* @module\n \*\/\n/.test(text));
  // A unit test is about the file beside it, and says so by its name.
  const isExplained = (path: string) => isTestFile(path) && !path.startsWith("tests/");
  const others = ["tests", "scripts", "bench"].flatMap(typeScriptFiles).filter((path) => !isExplained(path));
  const silentOthers = others.filter((path) =>
    !/^(?:\/\/ deno-lint-ignore-file .*\n)?\/\*\*/.test(Deno.readTextFileSync(join(ROOT, path)))
  );
  assert.deepEqual([...silent.map(({ path }) => `src/${path}`), ...silentOthers], []);
});

Deno.test("each export of src/ says what it is", () => {
  const silent = sources.flatMap(({ path, text }) =>
    Array.from(text.matchAll(EXPORT_REGEXP))
      // The docstring of an overloaded function stands before its first signature.
      .filter(([, before = "", name]) => !before.endsWith("*/") && !before.startsWith(`export function ${name}`))
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
