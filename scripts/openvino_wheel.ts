/**
 * The pinned OpenVINO runtime: which Python wheel carries it on each platform, and what of it a server needs.
 *
 * @module
 */
import { INSTALLED, TaskError } from "./shell.ts";

/** The release everything here is made for and tested with. */
export const OPENVINO_VERSION = "2026.4.1";

/** Where the task unpacks the runtime. The server looks for `.ovserve/openvino/<any version>/libs`. */
export const RUNTIME_FOLDER: string = `${INSTALLED}/openvino/${OPENVINO_VERSION}`;

/** One wheel: the platform tag that selects it and the hash it must have. */
export interface Wheel {
  readonly platform: string;
  readonly sha256: string;
}

/** By Deno's names of the platform. Only Linux on x86-64 is tested. The Python in the wheel is not used, so one version does. */
const WHEELS: Readonly<Record<string, Wheel>> = {
  "linux-x86_64": {
    platform: "manylinux_2_28_x86_64",
    sha256: "2d22b1da03f7caf74df30e9f6417d0ab2f637e4a38e08e1dcd294d2c37407aaf",
  },
  "linux-aarch64": {
    platform: "manylinux_2_35_aarch64",
    sha256: "bea1eb3733c34ef331adc945da0ccda5937865031139073663be84c517ffda22",
  },
  "darwin-aarch64": {
    platform: "macosx_11_0_arm64",
    sha256: "d3740853691ae4a9003bc3417a4625d848e2cc3251af4b815c59199b38be252a",
  },
  "windows-x86_64": {
    platform: "win_amd64",
    sha256: "bfddae6d6d3ad240157b946f180c33d0ddfaaae7487995d929a4e6b4bc12b283",
  },
};

/** The interpreter and ABI tags of the wheels in {@link WHEELS}. */
export const WHEEL_PYTHON = { version: "3.11", abi: "cp311" } as const;

/** @throws {TaskError} when OpenVINO publishes no wheel for this platform. */
export function wheelOfThisPlatform(): Wheel {
  const platform = `${Deno.build.os}-${Deno.build.arch}`;
  const wheel = WHEELS[platform];
  if (wheel !== undefined) return wheel;
  throw new TaskError(
    `There is no OpenVINO ${OPENVINO_VERSION} for ${platform}, only for ${Object.keys(WHEELS).join(", ")}. ` +
      `Build OpenVINO and name its library folder in OVSERVE_OPENVINO`,
  );
}

/**
 * Libraries that no server needs: the PyTorch and JAX frontends convert Python objects, the GGUF frontend large language
 * models, and .lib and .pc files serve compilers.
 */
const UNUSED_LIBRARY_REGEXP = /(pytorch|jax|gguf)_frontend|\.(lib|pc)$/;

/** What drives GPUs and NPUs: more than half as large as all the rest, so the executable leaves it out. */
const ACCELERATOR_LIBRARY_REGEXP = /intel_(gpu|npu)_|^cache\.json$/;

/** Whether the installed runtime keeps a file of the wheel's library folder. */
export function isInstalled(fileName: string): boolean {
  return !UNUSED_LIBRARY_REGEXP.test(fileName);
}

/** Whether the executable carries a file of the installed runtime's library folder. */
export function isEmbedded(fileName: string): boolean {
  return isInstalled(fileName) && !ACCELERATOR_LIBRARY_REGEXP.test(fileName);
}
