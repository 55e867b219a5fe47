/**
 * Finds denort, the program that `deno compile` makes executables from, for the Deno that the executable carries.
 *
 * @module
 */
import { dirname } from "node:path";
import type { Target } from "../openvino_wheel.ts";
import { exists, type FinishedRun, INSTALLED, run, TaskError } from "../shell.ts";

/** The Deno whose runtime the executable carries. */
export const DENO_VERSION = "2.6.8";

/** The first bytes of executables, and for ELF the machine they are for, by target. */
const BEGINNINGS: Readonly<Record<Target, { readonly magic: string; readonly machine?: number }>> = {
  "x86_64-unknown-linux-gnu": { magic: "7f454c46", machine: 0x3e },
  "aarch64-unknown-linux-gnu": { magic: "7f454c46", machine: 0xb7 },
  "aarch64-apple-darwin": { magic: "cffaedfe" },
  "x86_64-pc-windows-msvc": { magic: "4d5a" },
};
/** Offset of the machine in an ELF header. */
const ELF_MACHINE_OFFSET = 18;

/**
 * Runs the Deno that the executable carries.
 *
 * @throws {TaskError} when there is no npx to get it with.
 */
export async function runDeno(args: readonly string[], env: Record<string, string> = {}): Promise<FinishedRun> {
  const finished = await run("npx", ["--yes", `deno@${DENO_VERSION}`, ...args], { env: { NO_COLOR: "1", ...env } });
  if (finished !== undefined) return finished;
  throw new TaskError(`There is no npx, which gets Deno ${DENO_VERSION}. Install Node.js 20 or newer`);
}

/**
 * Finds denort: the file that DENORT_BIN names, or the zip in Deno's cache folder, which Deno downloads when it is missing.
 *
 * @throws {TaskError} when it cannot be downloaded, or belongs to another platform.
 */
export async function findDenort(target: Target): Promise<string> {
  const named = Deno.env.get("DENORT_BIN");
  if (named !== undefined && named !== "") {
    await check(named, target);
    return named;
  }
  const name = target.includes("windows") ? "denort.exe" : "denort";
  const unpacked = `${INSTALLED}/denort/${DENO_VERSION}/${target}`;
  if (!await exists(`${unpacked}/${name}`)) await unpack(await findZip(target), unpacked);
  await check(`${unpacked}/${name}`, target);
  return `${unpacked}/${name}`;
}

/** The zip in Deno's cache folder, downloaded when it is missing. */
async function findZip(target: Target): Promise<string> {
  const info = await runDeno(["info", "--json", "--no-config"]);
  const zip = `${JSON.parse(info.stdout).denoDir}/dl/release/v${DENO_VERSION}/denort-${target}.zip`;
  if (!await exists(zip)) await download(target);
  if (await exists(zip)) return zip;
  throw new TaskError(`Deno ${DENO_VERSION} does not keep denort in ${zip}. Name it in DENORT_BIN`);
}

/** Makes Deno download denort by compiling an empty program. */
async function download(target: Target): Promise<void> {
  await Deno.mkdir(INSTALLED, { recursive: true });
  const work = await Deno.makeTempDir({ dir: INSTALLED, prefix: "denort-" });
  try {
    await Deno.writeTextFile(`${work}/main.ts`, "");
    const args = ["compile", "--no-config", "--target", target, "--output", `${work}/out`, `${work}/main.ts`];
    const { success, output } = await runDeno(args);
    if (success) return;
    throw new TaskError(
      `Deno ${DENO_VERSION} cannot download denort, the program it makes executables from. Name one in DENORT_BIN, or put ` +
        `denort-${target}.zip into the folder dl/release/v${DENO_VERSION} of Deno's cache (deno info names it). ` +
        `Deno says:\n${firstParagraph(output)}`,
    );
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function unpack(zip: string, into: string): Promise<void> {
  const finished = await run("python3", ["-m", "zipfile", "-e", zip, into]);
  if (finished?.success) return await makeRunnable(into);
  throw new TaskError(
    `Cannot unpack ${zip} with python3: ${firstParagraph(finished?.output ?? "there is no python3")}`,
  );
}

async function makeRunnable(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) await Deno.chmod(`${folder}/${name}`, 0o755);
}

/** Rejects a denort of another platform, which `deno compile` would use without an error. */
async function check(denort: string, target: Target): Promise<void> {
  if (!await exists(denort)) throw new TaskError(`There is no ${denort}, which should be denort`);
  const head = new Uint8Array(64);
  {
    using file = await Deno.open(denort);
    await file.read(head);
  }
  const { magic, machine } = BEGINNINGS[target];
  const isRight = head.toHex().startsWith(magic) &&
    (machine === undefined || new DataView(head.buffer).getUint16(ELF_MACHINE_OFFSET, true) === machine);
  if (!isRight) throw new TaskError(`${denort} in ${dirname(denort)} is not a denort for ${target}`);
}

/** What a program printed before its stack trace. */
export function firstParagraph(output: string): string {
  return output.split("\n\nStack backtrace")[0]?.trim() ?? "";
}
