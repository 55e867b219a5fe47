/**
 * Puts OpenVINO's libraries into the executable: behind denort's own bytes where that is possible, so that they cost no memory
 * until they are unpacked, else into the file system that Deno embeds.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import { isForAccelerators, OPENVINO_VERSION, type Target } from "../openvino_wheel.ts";
import { exists, INSTALLED } from "../shell.ts";

/** All that is in here goes into the executable, which looks for it there: see src/engine/openvino_ffi/runtime/embedded.ts. */
export const EMBEDDED = `${INSTALLED}/embedded`;

/**
 * Which libraries the executable carries: those for CPUs, also those for Intel's GPUs and NPUs, or none, with those for CPUs in
 * a folder beside it, for images: nothing is left to unpack there.
 */
export const FLAVOURS = ["cpu", "all", "beside"] as const;
export type Flavour = typeof FLAVOURS[number];

const CHUNK_BYTES = 4 << 20;

/** Where things come from and go to. */
export interface Carrying {
  readonly target: Target;
  readonly flavour: Flavour;
  /** The installed runtime's library folder. */
  readonly libraries: string;
  /** The denort to build on. */
  readonly denort: string;
}

/**
 * Writes {@link EMBEDDED} anew, with the list of the libraries in `runtime.json`.
 *
 * @returns the denort to compile with: the one given, or a copy of it with the libraries behind it.
 */
export async function carryRuntime(carrying: Carrying): Promise<string> {
  const { target, flavour, libraries, denort } = carrying;
  if (await exists(EMBEDDED)) await Deno.remove(EMBEDDED, { recursive: true });
  await Deno.mkdir(EMBEDDED, { recursive: true });
  if (flavour === "beside") return denort;

  const names = await libraryNames(libraries, flavour);
  // Mach-O and PE files have no place behind their end that survives signing.
  const isBehind = target.includes("linux");
  const carrier = `${INSTALLED}/denort/carrier`;
  if (isBehind) {
    await Deno.mkdir(`${INSTALLED}/denort`, { recursive: true });
    await Deno.copyFile(denort, carrier);
  }
  const whole = createHash("sha256");
  const files = [];
  for (const name of names) {
    const path = `libs/${name}`;
    const { size: bytes } = await Deno.stat(`${libraries}/${name}`);
    const place = isBehind ? { offset: (await Deno.stat(carrier)).size } : {};
    const hash = createHash("sha256");
    await read(`${libraries}/${name}`, { hash, appendTo: isBehind ? carrier : undefined });
    const sha256 = hash.digest("hex");
    whole.update(`${path} ${sha256}\n`);
    files.push({ path, bytes, sha256, ...place });
  }
  const name = `openvino-${OPENVINO_VERSION}-${whole.digest("hex").slice(0, 12)}`;
  await Deno.writeTextFile(`${EMBEDDED}/runtime.json`, JSON.stringify({ name, files }, null, 1));
  if (isBehind) return carrier;

  await Deno.mkdir(`${EMBEDDED}/${name}/libs`, { recursive: true });
  for (const { path } of files) await Deno.link(`${libraries}/../${path}`, `${EMBEDDED}/${name}/${path}`);
  return denort;
}

/**
 * Lays the libraries for CPUs where the executable looks for them when it carries none.
 *
 * @param folder the executable's.
 */
export async function layBeside(libraries: string, folder: string): Promise<void> {
  const beside = `${folder}/openvino`;
  if (await exists(beside)) await Deno.remove(beside, { recursive: true });
  await Deno.mkdir(beside, { recursive: true });
  for (const name of await libraryNames(libraries, "beside")) {
    await Deno.link(`${libraries}/${name}`, `${beside}/${name}`);
  }
}

async function libraryNames(folder: string, flavour: Flavour): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  return names.sort().filter((name) => flavour === "all" || !isForAccelerators(name));
}

/** Reads a file once, for its hash and, where it is to go behind another, for that. */
async function read(path: string, { hash, appendTo }: { hash: Hash; appendTo: string | undefined }): Promise<void> {
  using from = await Deno.open(path);
  using to = appendTo === undefined ? undefined : await Deno.open(appendTo, { append: true });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let length = await from.read(chunk); length !== null; length = await from.read(chunk)) {
    const part = chunk.subarray(0, length);
    hash.update(part);
    for (let written = 0; to !== undefined && written < length;) written += await to.write(part.subarray(written));
  }
}
