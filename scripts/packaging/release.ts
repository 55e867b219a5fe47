/**
 * `deno task release`: makes `dist/release` with an archive of the executable for this platform, or for each named by `--target`, a
 * list of all that is in it, and the checksums. Names say version and target.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { findPackages } from "./carried_packages.ts";
import { EMBEDDED } from "./carried_runtime.ts";
import { compile, programName } from "./compile.ts";
import { checkTarget, type Target } from "../openvino_wheel.ts";
import { sbomOf } from "./sbom.ts";
import { exists, ROOT, run, runTask, say, TaskError } from "../shell.ts";

const FOLDER = "dist/release";

/** Where the tests run. Executables for others are made in the same way and have not been started. */
const TESTED: readonly Target[] = ["x86_64-unknown-linux-gnu"];

async function release(): Promise<void> {
  const { values } = parseArgs({ args: Deno.args, options: { target: { type: "string", multiple: true } } });
  const targets = (values.target ?? [Deno.build.target]).map(checkTarget);
  if (await exists(`${ROOT}${FOLDER}`)) await Deno.remove(`${ROOT}${FOLDER}`, { recursive: true });
  const version = await readVersion();
  for (const target of targets) {
    await releaseFor(target, version);
    if (!TESTED.includes(target)) say(`The executable for ${target} is untested`);
  }
  await writeChecksums();
}

/** The version stands in one place; importing it would start to load the program. */
async function readVersion(): Promise<string> {
  const source = await Deno.readTextFile(`${ROOT}src/app/version.ts`);
  const version = /VERSION = "([^"]+)"/.exec(source)?.[1];
  if (version === undefined) throw new Error("Cannot find the version in src/app/version.ts. This is a bug");
  return version;
}

async function releaseFor(target: Target, version: string): Promise<void> {
  const name = `ovserve-${version}-${target}`;
  const folder = `${FOLDER}/${name}`;
  const program = `${folder}/${programName(target)}`;
  await compile({ target, flavour: "cpu", output: program });
  const sbom = await sbomOf({
    version,
    target,
    sha256: await sha256Of(program),
    packages: await findPackages(),
    runtime: JSON.parse(await Deno.readTextFile(`${EMBEDDED}/runtime.json`)),
  });
  await Deno.writeTextFile(`${ROOT}${FOLDER}/${name}.cdx.json`, `${JSON.stringify(sbom, null, 2)}\n`);
  await Deno.copyFile(`${ROOT}LICENSE`, `${ROOT}${folder}/LICENSE`);
  await Deno.copyFile(`${EMBEDDED}/notices.txt`, `${ROOT}${folder}/NOTICES`);
  await pack(name);
  await Deno.remove(`${ROOT}${folder}`, { recursive: true });
}

/** Owners and times are left out: the same files give the same archive. */
async function pack(name: string): Promise<void> {
  say(`Packing ${FOLDER}/${name}.tar.xz`);
  const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
  const args = ["--create", "--xz", ...same, "--directory", FOLDER, "--file", `${FOLDER}/${name}.tar.xz`, name];
  const finished = await run("tar", args, { env: { XZ_OPT: "-6 -T0" } });
  if (!finished?.success) throw new TaskError(`Cannot pack ${name}: ${finished?.output.trim() ?? "there is no tar"}`);
  const { size } = await Deno.stat(`${ROOT}${FOLDER}/${name}.tar.xz`);
  say(`Made ${FOLDER}/${name}.tar.xz (${Math.round(size / 1e6)} MB)`);
}

/** In the form that `sha256sum --check` reads. */
async function writeChecksums(): Promise<void> {
  const names = (await Array.fromAsync(Deno.readDir(`${ROOT}${FOLDER}`), ({ name }) => name)).sort();
  const lines = await Promise.all(names.map(async (name) => `${await sha256Of(`${FOLDER}/${name}`)}  ${name}\n`));
  await Deno.writeTextFile(`${ROOT}${FOLDER}/SHA256SUMS`, lines.join(""));
}

/** Of a file below the root of the repository. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(`${ROOT}${path}`), hash);
  return hash.digest("hex");
}

await runTask(release);
