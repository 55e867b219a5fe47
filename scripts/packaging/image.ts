/**
 * `deno task image`: lays out `dist/image`, the folder that the Dockerfile copies into its last stage: the executable, OpenVINO's
 * libraries for CPUs beside it, and the name that ie_serving's lines begin with.
 *
 * @module
 */
import { compile } from "./compile.ts";
import { checkTarget } from "../openvino_wheel.ts";
import { exists, ROOT, runTask } from "../shell.ts";

const FOLDER = "dist/image";

async function layOut(): Promise<void> {
  if (await exists(`${ROOT}${FOLDER}`)) await Deno.remove(`${ROOT}${FOLDER}`, { recursive: true });
  await compile({ target: checkTarget(Deno.build.target), flavour: "beside", output: `${FOLDER}/ovserve` });
  await Deno.symlink("ovserve", `${ROOT}${FOLDER}/ie_serving`);
}

await runTask(layOut);
