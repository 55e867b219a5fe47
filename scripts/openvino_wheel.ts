/**
 * The pinned OpenVINO runtime: the Python wheel that carries it on each platform, and the parts that a server needs.
 *
 * @module
 */
import { INSTALLED, TaskError } from "./shell.ts";

/** The release that this project is developed and tested with. */
export const OPENVINO_VERSION = "2026.4.1";

/** A platform, by its Rust target as in Deno: `x86_64-unknown-linux-gnu`. */
export type Target = keyof typeof WHEELS;

/** One wheel: the platform tag that selects it and the hash it must have. */
export interface Wheel {
  readonly platform: string;
  readonly sha256: string;
}

/** Only Linux on x86-64 is tested. The wheel's Python code is not used, so one version is enough. */
const WHEELS = {
  "x86_64-unknown-linux-gnu": {
    platform: "manylinux_2_28_x86_64",
    sha256: "2d22b1da03f7caf74df30e9f6417d0ab2f637e4a38e08e1dcd294d2c37407aaf",
  },
  "aarch64-unknown-linux-gnu": {
    platform: "manylinux_2_35_aarch64",
    sha256: "bea1eb3733c34ef331adc945da0ccda5937865031139073663be84c517ffda22",
  },
  "aarch64-apple-darwin": {
    platform: "macosx_11_0_arm64",
    sha256: "d3740853691ae4a9003bc3417a4625d848e2cc3251af4b815c59199b38be252a",
  },
  "x86_64-pc-windows-msvc": {
    platform: "win_amd64",
    sha256: "bfddae6d6d3ad240157b946f180c33d0ddfaaae7487995d929a4e6b4bc12b283",
  },
} as const;

/** The release of openvino-tokenizers that belongs to {@link OPENVINO_VERSION}: operations on strings, for TensorFlow models. */
export const TOKENIZERS_VERSION = "2026.4.1.0";

/** Its wheels need no particular Python. */
const TOKENIZERS_WHEELS: Readonly<Record<Target, Wheel>> = {
  "x86_64-unknown-linux-gnu": {
    platform: "manylinux_2_28_x86_64",
    sha256: "f30dc9d6dd9e485b10495bcf72fc257f33bf35938da783fbb8f17c98c5ab517f",
  },
  "aarch64-unknown-linux-gnu": {
    platform: "manylinux_2_31_aarch64",
    sha256: "3281bb8ba2347b3be23b77ac1c9d8ea93b52b66a4ae781d9e0e4ee2b71dea313",
  },
  "aarch64-apple-darwin": {
    platform: "macosx_11_0_arm64",
    sha256: "ebdf1c297aa12abc15b1cccf13c1c47c46308d4b7527d4f05e68cd3e7743ec53",
  },
  "x86_64-pc-windows-msvc": {
    platform: "win_amd64",
    sha256: "e6250eae9d00704249d21bfd8ad1600de2e49635aa2dcbb6e54a6aa9087f052d",
  },
};

/** All platforms that OpenVINO publishes a wheel for; the tested one is first. */
export const TARGETS = Object.keys(WHEELS) as readonly Target[];

/** The interpreter and ABI tags of the wheels in {@link WHEELS}. */
export const WHEEL_PYTHON = { version: "3.11", abi: "cp311" } as const;

/** @throws {TaskError} when OpenVINO publishes no wheel for a platform. */
export function checkTarget(name: string): Target {
  const target = TARGETS.find((candidate) => candidate === name);
  if (target !== undefined) return target;
  throw new TaskError(
    `There is no OpenVINO ${OPENVINO_VERSION} for ${name}, only for ${TARGETS.join(", ")}. ` +
      `Build OpenVINO and name its library folder in OVSERVE_OPENVINO_DIR`,
  );
}

/** The wheel of openvino-tokenizers for a platform. */
export function tokenizersWheelOf(target: Target): Wheel {
  return TOKENIZERS_WHEELS[target];
}

/** The wheel for a platform. */
export function wheelOf(target: Target): Wheel {
  return WHEELS[target];
}

/**
 * The folder that the runtime is unpacked into. The server searches `.ovserve/openvino/<any version>/libs`, so runtimes of other
 * platforms are elsewhere.
 */
export function runtimeFolder(target: Target): string {
  const folder = target === Deno.build.target ? INSTALLED : `${INSTALLED}/targets/${target}`;
  return `${folder}/openvino/${OPENVINO_VERSION}`;
}

/**
 * Libraries that no server needs: the PyTorch and JAX frontends convert Python objects, the GGUF frontend large language
 * models, and .lib and .pc files serve compilers.
 */
const UNUSED_LIBRARY_REGEXP = /(pytorch|jax|gguf)_frontend|\.(lib|pc)$/;

/** Libraries that drive GPUs and NPUs. */
const ACCELERATOR_LIBRARY_REGEXP = /intel_(gpu|npu)_|^cache\.json$/;

/** Whether a file of the library folder comes from openvino-tokenizers. */
export function isOfTokenizers(path: string): boolean {
  return path.includes("openvino_tokenizers");
}

/** Whether the installed runtime keeps a file of the wheel's library folder. */
export function isInstalled(fileName: string): boolean {
  return !UNUSED_LIBRARY_REGEXP.test(fileName);
}

/** Whether a file of the library folder is useful only with a GPU or an NPU. */
export function isForAccelerators(fileName: string): boolean {
  return ACCELERATOR_LIBRARY_REGEXP.test(fileName);
}
