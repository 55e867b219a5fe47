/**
 * A Python that can install packages: finds pip, makes the virtual environments of the tests, and explains in one sentence why
 * pip failed.
 *
 * @module
 */
import { exists, type Finished, INSTALLED, ROOT, run, TaskError } from "./shell.ts";

/** A virtual environment below `.ovserve`. */
export interface PythonEnvironment {
  readonly folder: string;
  /** The file that lists its packages, from the repository's root on. */
  readonly requirements: string;
}

/** The environment of the tests. */
const TESTS: PythonEnvironment = { folder: "python", requirements: "tests/requirements.txt" };

/** The environment of clients of the Open Inference Protocol, which need older packages than the other tests. */
export const OPEN_INFERENCE_CLIENTS: PythonEnvironment = {
  folder: "open_inference_python",
  requirements: "tests/apis/open_inference/clients/requirements.txt",
};

/** The interpreter of the tests' environment, which may not exist yet. */
export const ENVIRONMENT_PYTHON: string = interpreterOf(TESTS);

function interpreterOf({ folder }: PythonEnvironment): string {
  return `${INSTALLED}/${folder}/${Deno.build.os === "windows" ? "Scripts/python.exe" : "bin/python"}`;
}

/** A copy of the installed requirements. It is written last, so its presence means that the environment is complete. */
function installedRequirements({ folder }: PythonEnvironment): string {
  return `${INSTALLED}/${folder}/installed.txt`;
}

/** Options that keep pip from prompting, printing progress or retrying for long. */
const QUIET = ["--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"];

/** What pip prints about problems that its user can fix. */
const KNOWN_FAILURES: readonly (readonly [RegExp, string])[] = [
  [
    /No space left on device|Disk quota exceeded/i,
    "The disk is full. The runtime and the Python packages take about 500 MB each",
  ],
  [
    /DO NOT MATCH THE HASHES/,
    "The package has another hash than expected, so it was discarded. Check the package index that pip uses",
  ],
  [
    /NewConnectionError|ConnectionError|ConnectTimeout|Read timed out|Failed to establish|name resolution|ProxyError|SSLError/i,
    "The package index cannot be reached. Check the network, or tell pip of your index or proxy: python3 -m pip config",
  ],
];

/** The error for a failed pip, from what it printed. */
function failure(action: string, output: string): TaskError {
  const known = KNOWN_FAILURES.find(([pattern]) => pattern.test(output));
  const errors = output.trim().split("\n").filter((line) => line.trim() !== "");
  const reason = known?.[1] ?? errors.findLast((line) => line.startsWith("ERROR")) ?? errors.at(-1) ??
    "pip printed no reason";
  return new TaskError(`Cannot ${action}. ${reason}`);
}

/** @throws {TaskError} when there is no Python 3. */
async function findPython(): Promise<string> {
  const finished = await run("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]);
  if (finished?.success) return "python3";
  const found = finished === undefined ? "There is no python3" : "python3 is older than 3.10";
  throw new TaskError(
    `${found}, and packages come through its pip. On Debian and Ubuntu: apt-get install python3-pip python3-venv`,
  );
}

/** @throws {TaskError} when Python's own module for virtual environments is missing. */
async function makeEnvironment(environment: PythonEnvironment = TESTS): Promise<string> {
  const interpreter = interpreterOf(environment);
  if (await exists(interpreter)) return interpreter;
  const folder = `${INSTALLED}/${environment.folder}`;
  const python = await findPython();
  const finished = await run(python, ["-m", "venv", folder]);
  if (finished?.success) return interpreter;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  if (/ensurepip|No module named/.test(finished?.output ?? "")) {
    throw new TaskError(
      `${python} has no pip and cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-pip python3-venv`,
    );
  }
  throw failure("make a virtual environment in .ovserve", finished?.output ?? "");
}

/** A Python with pip: the user's own, or the virtual environment's when the user's has none. */
async function findPip(): Promise<string> {
  const python = await findPython();
  const finished = await run(python, ["-m", "pip", "--version"]);
  return finished?.success ? python : await makeEnvironment();
}

async function pip(python: string, args: readonly string[]): Promise<Finished> {
  const [command = "", ...rest] = args;
  const finished = await run(python, ["-m", "pip", command, ...QUIET, ...rest]);
  if (finished === undefined) throw new TaskError(`Cannot start ${python}`);
  return finished;
}

/**
 * Downloads one wheel through pip.
 *
 * @param args what follows `pip download`.
 * @returns the Python that ran pip.
 * @throws {TaskError} with the reason in a sentence.
 */
export async function downloadWheel(args: readonly string[]): Promise<string> {
  const python = await findPip();
  const finished = await pip(python, ["download", "--no-deps", "--only-binary=:all:", ...args]);
  if (!finished.success) throw failure("download the OpenVINO runtime", finished.output);
  return python;
}

/**
 * Unpacks a wheel, which is a zip file.
 *
 * @throws {TaskError} with the reason in a sentence.
 */
export async function unpackWheel(
  wheel: string,
  options: { readonly python: string; readonly into: string },
): Promise<void> {
  const finished = await run(options.python, ["-m", "zipfile", "-e", wheel, options.into]);
  if (!finished?.success) throw failure("unpack the OpenVINO runtime", finished?.output ?? "");
}

/** Whether a virtual environment, by default that of the tests, holds what its file lists now. */
export async function arePythonPackagesInstalled(environment: PythonEnvironment = TESTS): Promise<boolean> {
  const installed = installedRequirements(environment);
  if (!await exists(installed)) return false;
  return await Deno.readTextFile(installed) === await Deno.readTextFile(`${ROOT}${environment.requirements}`);
}

/**
 * Makes a virtual environment, by default that of the tests, with all packages of its file, once for each content of that file.
 *
 * @throws {TaskError} with the reason in a sentence.
 */
export async function installPythonPackages(environment: PythonEnvironment = TESTS): Promise<void> {
  if (await arePythonPackagesInstalled(environment)) return;
  const requirements = `${ROOT}${environment.requirements}`;
  const wanted = await Deno.readTextFile(requirements);
  const python = await makeEnvironment(environment);
  const finished = await pip(python, ["install", "--only-binary=:all:", "--requirement", requirements]);
  if (!finished.success) throw failure("install the tests' Python packages", finished.output);
  await Deno.writeTextFile(installedRequirements(environment), wanted);
}
