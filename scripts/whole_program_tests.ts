/**
 * Finds the tests that start the program as a process of its own: they can also test the compiled executable.
 *
 * @module
 */
import { dirname, join } from "node:path/posix";
import { ROOT } from "./shell.ts";

/** The module through which tests start the program. */
const SERVER = "tests/support/server.ts";

/** Relative imports as the formatter writes them; type-only imports do not count. */
const IMPORT_REGEXP = /^(?:import|export) (?!type )(?:[\w$*{},\s]+ from )?"(\.[^"]+)"/gm;

/** Paths of all test files below tests/ that import {@link SERVER}, themselves or through another module of tests/. */
export async function findWholeProgramTests(): Promise<string[]> {
  const imports = new Map<string, readonly string[]>();
  for (const path of await modulesBelow("tests")) {
    const text = await Deno.readTextFile(`${ROOT}${path}`);
    imports.set(path, Array.from(text.matchAll(IMPORT_REGEXP), ([, target = ""]) => join(dirname(path), target)));
  }
  const paths = Array.from(imports.keys()).filter((path) => path.endsWith("_test.ts"));
  return paths.filter((path) => reaches(path, imports, new Set())).toSorted();
}

function reaches(path: string, imports: ReadonlyMap<string, readonly string[]>, seen: Set<string>): boolean {
  if (path === SERVER) return true;
  if (seen.has(path)) return false;
  seen.add(path);
  return (imports.get(path) ?? []).some((target) => reaches(target, imports, seen));
}

async function modulesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (isDirectory) paths.push(...await modulesBelow(path));
    else if (name.endsWith(".ts")) paths.push(path);
  }
  return paths;
}
