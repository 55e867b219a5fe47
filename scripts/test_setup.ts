/**
 * `deno task test:setup`: installs everything the tests need into `.ovserve` and prints a line for each step. A second run changes
 * nothing. `deno task test` begins with the same.
 *
 * @module
 */
import { type Installation, installMissing } from "./installation.ts";
import { INTEROP_INSTALLATIONS } from "./interop_clients.ts";
import { checkTarget, OPENVINO_VERSION, runtimeFolder } from "./openvino_wheel.ts";
import { arePythonPackagesInstalled, installPythonPackages, OPEN_INFERENCE_CLIENTS } from "./python_environment.ts";
import { SCHEMA_INSTALLATIONS } from "./schemas.ts";
import { installRuntime } from "./setup.ts";
import { exists, runTask } from "./shell.ts";
import { TOOL_INSTALLATIONS } from "./tools.ts";

const INSTALLATIONS: readonly Installation[] = [
  {
    name: `OpenVINO ${OPENVINO_VERSION}`,
    title: `Installing OpenVINO ${OPENVINO_VERSION} with pip`,
    lane: "pip",
    isRequired: true,
    isInstalled: () => exists(runtimeFolder(checkTarget(Deno.build.target))),
    install: async () => void await installRuntime(),
  },
  {
    name: "the tests' Python packages",
    title: "Installing the tests' Python packages with pip",
    lane: "pip",
    isRequired: true,
    isInstalled: () => arePythonPackagesInstalled(),
    install: () => installPythonPackages(),
  },
  {
    name: "clients of the Open Inference Protocol",
    title: "Installing Triton's and KServe's clients with pip",
    lane: "pip",
    isInstalled: () => arePythonPackagesInstalled(OPEN_INFERENCE_CLIENTS),
    install: () => installPythonPackages(OPEN_INFERENCE_CLIENTS),
  },
  ...TOOL_INSTALLATIONS,
  ...SCHEMA_INSTALLATIONS,
  ...INTEROP_INSTALLATIONS,
];

/**
 * Installs what is missing of all the tests' tools.
 *
 * @throws {TaskError} when OpenVINO or the Python packages cannot be installed.
 */
export async function installTestTools(): Promise<void> {
  await installMissing(INSTALLATIONS);
}

if (import.meta.main) await runTask(installTestTools);
