/**
 * `deno task compile`: makes `dist/ovserve`, one executable with the program, the messages of its API and the OpenVINO
 * libraries for CPUs inside.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isEmbedded, OPENVINO_VERSION, RUNTIME_FOLDER } from "./openvino_wheel.ts";
import { installRuntime } from "./setup.ts";
import { exists, INSTALLED, ROOT, run, runTask, say, TaskError } from "./shell.ts";

/** The Deno whose runtime the executable carries; tests of the executable say that it serves. */
const DENO_VERSION = "2.6.8";

/** One folder in here goes into the executable, which finds it by itself: see src/engine/openvino_ffi/embedded.ts. */
const EMBEDDED = `${INSTALLED}/embedded`;

/** What the executable may do. It writes to a cache folder, once: the libraries it carries. */
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write", "--allow-ffi", "--allow-env", "--allow-sys"];

async function compile(): Promise<void> {
  await installRuntime();
  const runtime = await stageRuntime();
  const output = Deno.build.os === "windows" ? "dist/ovserve.exe" : "dist/ovserve";
  say(`Compiling ${output} with Deno ${DENO_VERSION}`);
  const carried = ["--include", "protos", "--include", runtime];
  const args = ["compile", "--frozen", "--no-check", ...PERMISSIONS, ...carried, "--output", output, "main.ts"];
  const finished = await run("npx", ["--yes", `deno@${DENO_VERSION}`, ...args], { env: { NO_COLOR: "1" } });
  if (finished === undefined) {
    throw new TaskError(`There is no npx, which gets Deno ${DENO_VERSION}. Install Node.js 20 or newer`);
  }
  if (!finished.success) throw failure(finished.output);
  const { size } = await Deno.stat(`${ROOT}${output}`);
  say(`Made ${output} (${Math.round(size / 1e6)} MB)`);
}

/**
 * Links what the executable carries of the runtime into a folder whose name changes with the content, so that the caches of
 * two executables never mix.
 *
 * @returns the folder.
 */
async function stageRuntime(): Promise<string> {
  if (await exists(EMBEDDED)) await Deno.remove(EMBEDDED, { recursive: true });
  const staged = `${EMBEDDED}/staged`;
  await Deno.mkdir(`${staged}/libs`, { recursive: true });
  const hash = createHash("sha256");
  for (const name of (await namesIn(`${RUNTIME_FOLDER}/libs`)).filter(isEmbedded)) {
    await Deno.link(`${RUNTIME_FOLDER}/libs/${name}`, `${staged}/libs/${name}`);
    hash.update(name).update(await Deno.readFile(`${staged}/libs/${name}`));
  }
  await linkAll(`${RUNTIME_FOLDER}/licenses`, `${staged}/licenses`);
  const named = `${EMBEDDED}/openvino-${OPENVINO_VERSION}-${hash.digest("hex").slice(0, 12)}`;
  await Deno.rename(staged, named);
  return named;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

async function linkAll(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    await (isDirectory ? linkAll(`${from}/${name}`, `${to}/${name}`) : Deno.link(`${from}/${name}`, `${to}/${name}`));
  }
}

/** `deno compile` builds on a program called denort, which it downloads: that is what fails in a closed network. */
function failure(output: string): TaskError {
  const said = `Deno says:\n${output.split("\n\nStack backtrace")[0]?.trim()}`;
  if (!/denort/.test(output)) return new TaskError(`Deno ${DENO_VERSION} cannot compile main.ts. ${said}`);
  return new TaskError(
    `Deno ${DENO_VERSION} cannot download denort, the program it makes executables from. Name one in DENORT_BIN, or put ` +
      `its zip into the folder dl/release/v${DENO_VERSION} of Deno's cache (deno info names it). ${said}`,
  );
}

await runTask(compile);
