/**
 * `deno task image`: lays out `dist/image`, the folder that the Dockerfile copies into its last stage: the executable, OpenVINO's
 * libraries for CPUs beside it, and the names that command lines of ie_serving and TensorFlow Serving begin with.
 *
 * @module
 */
import { compile } from "./compile.ts";
import { checkTarget } from "../openvino_wheel.ts";
import { exists, ROOT, runTask } from "../shell.ts";

const FOLDER = "dist/image";
/** What command lines of other servers' images begin with. */
const OTHER_NAMES = ["ie_serving", "tensorflow_model_server"];

async function layOut(): Promise<void> {
  if (await exists(`${ROOT}${FOLDER}`)) await Deno.remove(`${ROOT}${FOLDER}`, { recursive: true });
  await compile({ target: checkTarget(Deno.build.target), flavour: "beside", output: `${FOLDER}/ovserve` });
  for (const name of OTHER_NAMES) await Deno.symlink("ovserve", `${ROOT}${FOLDER}/${name}`);
}

await runTask(layOut);
