/**
 * The flags that describe models, with ie_serving's and model_server's names.
 *
 * @module
 */
import type { LoadConfig } from "../../config/config.ts";
import { isUri } from "../../config/model_server_config.ts";
import { parsePluginConfig } from "../../config/plugin_config.ts";
import { parseBatchSize, parseShape } from "../../config/shape.ts";
import { parseVersionPolicy } from "../../config/version_policy.ts";
import { notEmpty, optional, readFlags, secondsAsMs, type Texts, topic, wholeNumber } from "./flag.ts";

/** Makes flags about models. */
export const modelFlag = topic("Models");

/** Help text of every flag that names the folder of a model. */
export const BASE_PATH_HELP = "folder of the model's version folders: FOLDER/1, FOLDER/2";

/** Reads the folder of a model. Storage that only TensorFlow Serving's file systems can read must be mounted. */
export function parseBasePath(text: string): string {
  if (!isUri(text)) return notEmpty(text);
  throw new Error(`expected a folder, found ${text}: mount the storage and name the mounted folder`);
}

/** Help text of every flag that names a model to serve. */
export const MODEL_NAME_HELP = "name of the model in clients' requests";

/** Which versions of the one model to serve. */
export const VERSION_POLICY_FLAG = modelFlag("model_version_policy", {
  value: "json",
  help: 'which versions to serve: {"latest": {"num_versions": 2}}, {"specific": {"versions": [1, 3]}} or {"all": {}}',
  parse: parseVersionPolicy,
  default: '{"latest": {"num_versions": 1}}',
});

/** How often to look whether the file that lists the models has changed. */
export const MODELS_FILE_POLL_FLAG = modelFlag("model_config_file_poll_wait_seconds", {
  value: "seconds",
  help: "pause between looks whether the file of models has changed; 0 for none. SIGHUP rereads it at any time",
  parse: secondsAsMs(0, 86_400),
  default: "0",
});

/** A `LoadConfig`. */
export const LOAD_FLAGS = {
  device: modelFlag("target_device", {
    value: "device",
    help: "device to infer on: CPU, GPU, NPU, AUTO, HETERO:…, MULTI:…",
    parse: notEmpty,
    default: "CPU",
    isBasic: true,
  }),
  pluginConfig: modelFlag("plugin_config", {
    value: "json",
    help: 'properties for OpenVINO, such as {"NUM_STREAMS": 4}; the others are chosen by measuring the model',
    parse: parsePluginConfig,
    default: "{}",
  }),
  inferRequestCount: modelFlag("nireq", {
    value: "count",
    help: "concurrent inferences of a model",
    parse: (text) => wholeNumber(0, 100_000)(text) || undefined,
    default: "0",
    defaultWords: "0, OpenVINO's optimum",
  }),
  shape: modelFlag(
    "shape",
    optional({
      value: "shape",
      help: 'shape in place of the model\'s: (1,3,224,224), {"image": "(1,3,-1,100:500)"} or auto',
      defaultWords: "the model's own",
    }, parseShape),
  ),
  batchSize: modelFlag(
    "batch_size",
    optional({
      value: "size",
      help: "first dimension of all inputs: 8, 1:8, -1 for any, or auto",
      defaultWords: "the model's own",
    }, parseBatchSize),
  ),
};

/** Reads {@link LOAD_FLAGS}, with notes on what is ignored. */
export function readLoadFlags(texts: Texts): { load: LoadConfig; notes: string[] } {
  const load = readFlags(LOAD_FLAGS, texts);
  if (load.shape === undefined || load.batchSize === undefined) return { load, notes: [] };
  return {
    load: { ...load, batchSize: undefined },
    notes: ["--batch_size is ignored, since --shape says it too"],
  };
}
