/**
 * The npm packages the executable carries: those that main.ts imports with what they depend on, and of these only the files
 * that run. Deno by itself embeds every file of every package in deno.lock, and copies all of it into memory at each start.
 *
 * @module
 */
import { runDeno } from "./denort.ts";
import { TaskError } from "../shell.ts";

/** One package. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** Where Deno keeps its files. */
  readonly folder: string;
  /** Whether the executable needs it. */
  readonly isCarried: boolean;
}

/** What `deno info --json` says, as far as it is read here. */
interface Info {
  readonly npmCache: string;
  readonly modules: readonly { readonly specifier: string }[];
  readonly npmPackages: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly dependencies: readonly string[];
      readonly registryUrl: string;
    }>
  >;
}

/** Files that run, and those that say how. */
const RUNNING_FILE_REGEXP = /\.(js|cjs|mjs|json|node|wasm)$/;
/** Folders of packages with files that only their authors run. */
const AUTHORS_FOLDER_REGEXP = /^(test|tests|fixtures|benchmarks|docs|examples)$/;

/**
 * All packages in deno.lock, downloaded where they were not yet.
 *
 * @throws {TaskError} when they cannot be.
 */
export async function findPackages(): Promise<Package[]> {
  await askDeno(["install", "--frozen"]);
  const { npmCache } = JSON.parse(await askDeno(["info", "--json"])) as Info;
  const { modules, npmPackages } = JSON.parse(await askDeno(["info", "--json", "main.ts"])) as Info;
  const carried = new Set<string>();
  const carry = (id: string): void => {
    if (carried.has(id)) return;
    carried.add(id);
    npmPackages[id]?.dependencies.forEach(carry);
  };
  for (const { specifier } of modules) {
    const id = /^npm:\/?((?:@[^/]+\/)?[^/]+)/.exec(specifier)?.[1];
    if (id !== undefined) carry(id);
  }
  return Object.entries(npmPackages).map(([id, { name, version, registryUrl }]) => ({
    name,
    version,
    folder: `${npmCache}/${new URL(registryUrl).host}/${name}/${version}`,
    isCarried: carried.has(id),
  }));
}

/** The fewest files and folders that `deno compile` must leave out. */
export async function unneededPaths(packages: readonly Package[]): Promise<string[]> {
  const paths = packages.map(({ folder, isCarried }) => unneededIn(folder, isCarried));
  return (await Promise.all(paths)).flatMap(({ paths }) => paths);
}

async function unneededIn(folder: string, isCarried: boolean): Promise<{ paths: string[]; isWhole: boolean }> {
  const paths: string[] = [];
  let isWhole = true;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    const isNeeded = isCarried && !AUTHORS_FOLDER_REGEXP.test(name);
    if (!isDirectory && isNeeded && RUNNING_FILE_REGEXP.test(name)) {
      isWhole = false;
      continue;
    }
    const inner = isDirectory && isNeeded ? await unneededIn(path, isNeeded) : { paths: [], isWhole: true };
    isWhole &&= inner.isWhole;
    paths.push(...inner.isWhole ? [path] : inner.paths);
  }
  return { paths, isWhole };
}

async function askDeno(args: readonly string[]): Promise<string> {
  const { success, stdout, output } = await runDeno(args);
  if (success) return stdout;
  throw new TaskError(`Deno cannot find the npm packages of deno.lock: ${output.trim().split("\n")[0]}`);
}
