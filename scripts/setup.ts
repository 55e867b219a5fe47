/**
 * `deno task setup`: puts the pinned OpenVINO runtime into `.ovserve/openvino/<version>`, from the Python wheel that carries it.
 * Running it again changes nothing; running it twice at once is safe.
 *
 * @module
 */
import { dirname } from "node:path";
import {
  checkTarget,
  isInstalled,
  isOfTokenizers,
  OPENVINO_VERSION,
  runtimeFolder,
  type Target,
  TOKENIZERS_VERSION,
  tokenizersWheelOf,
  WHEEL_PYTHON,
  wheelOf,
} from "./openvino_wheel.ts";
import { downloadWheel, unpackWheel } from "./python_environment.ts";
import { exists, INSTALLED, ROOT, runTask, say } from "./shell.ts";

/**
 * Installs the runtime of a platform unless it is there.
 *
 * @returns its folder, with `libs`, `include` and `licenses`.
 * @throws {TaskError} with the reason in a sentence.
 */
export async function installRuntime(target: Target = checkTarget(Deno.build.target)): Promise<string> {
  const folder = runtimeFolder(target);
  const shown = folder.slice(ROOT.length);
  const isThere = await exists(folder);
  if (isThere && await hasTokenizers(folder)) {
    say(`OpenVINO ${OPENVINO_VERSION} is in ${shown}`);
    return folder;
  }
  await Deno.mkdir(INSTALLED, { recursive: true });
  const work = await Deno.makeTempDir({ dir: INSTALLED, prefix: "setup-" });
  try {
    if (isThere) await addTokenizers(work, { target, runtime: folder });
    else await moveIntoPlace(await fetchRuntime(work, target), folder);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  say(`Installed OpenVINO ${OPENVINO_VERSION} in ${shown}`);
  return folder;
}

/** A runtime that was installed before openvino-tokenizers belonged to it lacks them. */
async function hasTokenizers(folder: string): Promise<boolean> {
  const names = await Array.fromAsync(Deno.readDir(`${folder}/libs`), ({ name }) => name);
  return names.some(isOfTokenizers);
}

/** Downloads the library of openvino-tokenizers into a runtime's `libs`, and its licences into `licenses`. */
async function addTokenizers(
  work: string,
  { target, runtime }: { target: Target; runtime: string },
): Promise<void> {
  const { platform, sha256 } = tokenizersWheelOf(target);
  const into = `${work}/tokenizers`;
  await Deno.mkdir(into);
  const requirements = `${into}/requirements.txt`;
  await Deno.writeTextFile(requirements, `openvino-tokenizers==${TOKENIZERS_VERSION} --hash=sha256:${sha256}\n`);
  say(`Downloading openvino-tokenizers ${TOKENIZERS_VERSION} through pip (about 2 MB)`);
  const pinned = ["--require-hashes", "--requirement", requirements];
  const python = await downloadWheel(["--platform", platform, "--dest", into, ...pinned]);
  const unpacked = `${into}/unpacked`;
  await unpackWheel(await findEntry(into, /\.whl$/), { python, into: unpacked });
  const library = await findEntry(`${unpacked}/openvino_tokenizers/lib`, /openvino_tokenizers\.(so|dylib|dll)$/);
  const licences = await findEntry(unpacked, /\.dist-info$/);
  await Deno.mkdir(`${runtime}/licenses/openvino-tokenizers`, { recursive: true });
  for (const name of ["LICENSE", "third-party-programs.txt"]) {
    await Deno.rename(`${licences}/${name}`, `${runtime}/licenses/openvino-tokenizers/${name}`);
  }
  await Deno.rename(library, `${runtime}/libs/${library.slice(library.lastIndexOf("/") + 1)}`);
}

/** Downloads and unpacks the wheel in `work`, and returns a folder there with the parts to keep. */
async function fetchRuntime(work: string, target: Target): Promise<string> {
  const { platform, sha256 } = wheelOf(target);
  const requirements = `${work}/requirements.txt`;
  await Deno.writeTextFile(requirements, `openvino==${OPENVINO_VERSION} --hash=sha256:${sha256}\n`);
  say(`Downloading OpenVINO ${OPENVINO_VERSION} through pip (about 60 MB)`);
  const tags = ["--python-version", WHEEL_PYTHON.version, "--implementation", "cp", "--abi", WHEEL_PYTHON.abi];
  const pinned = ["--require-hashes", "--requirement", requirements];
  const python = await downloadWheel([...tags, "--platform", platform, "--dest", work, ...pinned]);

  say("Unpacking its libraries");
  const unpacked = `${work}/unpacked`;
  const wheel = await findEntry(work, /\.whl$/);
  await unpackWheel(wheel, { python, into: unpacked });

  const kept = `${work}/kept`;
  await Deno.mkdir(`${kept}/include/openvino`, { recursive: true });
  await Deno.rename(`${unpacked}/openvino/libs`, `${kept}/libs`);
  await Deno.rename(`${unpacked}/openvino/include/openvino/c`, `${kept}/include/openvino/c`);
  await Deno.rename(`${await findEntry(unpacked, /\.dist-info$/)}/licenses`, `${kept}/licenses`);
  for await (const { name } of Deno.readDir(`${kept}/libs`)) {
    if (!isInstalled(name)) await Deno.remove(`${kept}/libs/${name}`);
  }
  await addTokenizers(work, { target, runtime: kept });
  return kept;
}

/** A rename makes the runtime complete or absent. A second installation at the same time keeps the first one's. */
async function moveIntoPlace(fetched: string, folder: string): Promise<void> {
  await Deno.mkdir(dirname(folder), { recursive: true });
  try {
    await Deno.rename(fetched, folder);
  } catch (thrown) {
    if (!await exists(folder)) throw thrown;
  }
}

async function findEntry(folder: string, pattern: RegExp): Promise<string> {
  for await (const { name } of Deno.readDir(folder)) {
    if (pattern.test(name)) return `${folder}/${name}`;
  }
  throw new Error(`Cannot find ${pattern} in ${folder}. This is a bug`);
}

if (import.meta.main) await runTask(installRuntime);
