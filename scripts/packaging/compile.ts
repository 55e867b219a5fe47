/**
 * `deno task compile`: makes `dist/ovserve`, one executable with the program, the messages of its API and the OpenVINO
 * libraries for CPUs inside. `--target` names another platform, `--runtime` other libraries (all, beside), `--output` another file.
 *
 * @module
 */
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { findPackages, unneededPaths } from "./carried_packages.ts";
import { carryRuntime, EMBEDDED, type Flavour, FLAVOURS, layBeside } from "./carried_runtime.ts";
import { DENO_VERSION, findDenort, firstParagraph, runDeno } from "./denort.ts";
import { noticesOf } from "./notices.ts";
import { checkTarget, type Target } from "../openvino_wheel.ts";
import { PERMISSIONS } from "./permissions.ts";
import { installRuntime } from "../setup.ts";
import { ROOT, runTask, say, TaskError } from "../shell.ts";

/** What to compile. */
export interface Compilation {
  readonly target: Target;
  readonly flavour: Flavour;
  /** Relative to the root of the repository. */
  readonly output: string;
}

/**
 * Makes an executable.
 *
 * @returns its size.
 * @throws {TaskError} with the reason in a sentence.
 */
export async function compile({ target, flavour, output }: Compilation): Promise<number> {
  const runtime = await installRuntime(target);
  const packages = await findPackages();
  const denort = await carryRuntime({
    target,
    flavour,
    libraries: `${runtime}/libs`,
    denort: await findDenort(target),
  });
  await Deno.writeTextFile(
    `${EMBEDDED}/notices.txt`,
    await noticesOf({ packages, runtimeLicences: `${runtime}/licenses` }),
  );

  say(`Compiling ${output} for ${target} with Deno ${DENO_VERSION}`);
  const carried = ["protos", EMBEDDED, ...await workersIn("src")].flatMap((path) => ["--include", path]);
  const left = (await unneededPaths(packages)).flatMap((path) => ["--exclude", path]);
  // The code cache would lie in the temporary folder under a name that another user can take first.
  const args = ["compile", "--frozen", "--no-check", "--no-code-cache", "--target", target, ...PERMISSIONS];
  const finished = await runDeno([...args, ...carried, ...left, "--output", output, "main.ts"], { DENORT_BIN: denort });
  if (!finished.success) {
    throw new TaskError(`Deno ${DENO_VERSION} cannot compile main.ts. Deno says:\n${firstParagraph(finished.output)}`);
  }
  if (flavour === "beside") await layBeside(`${runtime}/libs`, dirname(`${ROOT}${output}`));
  const { size } = await Deno.stat(`${ROOT}${output}`);
  say(`Made ${output} (${Math.round(size / 1e6)} MB)`);
  return size;
}

/** Entry modules of other threads, `…_worker.ts`: they are not imported, so Deno does not find them by itself. */
async function workersIn(folder: string): Promise<string[]> {
  const workers: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (isDirectory) workers.push(...await workersIn(path));
    else if (name.endsWith("_worker.ts")) workers.push(path);
  }
  return workers;
}

/** The name of the program on a platform. */
export function programName(target: Target): string {
  return target.includes("windows") ? "ovserve.exe" : "ovserve";
}

async function compileAsAsked(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      target: { type: "string", default: Deno.build.target },
      runtime: { type: "string", default: "cpu" },
      output: { type: "string" },
    },
  });
  const target = checkTarget(values.target);
  const flavour = FLAVOURS.find((name) => name === values.runtime);
  if (flavour === undefined) throw new TaskError(`--runtime is one of ${FLAVOURS.join(", ")}, not ${values.runtime}`);
  await compile({ target, flavour, output: values.output ?? `dist/${programName(target)}` });
}

if (import.meta.main) await runTask(compileAsAsked);
