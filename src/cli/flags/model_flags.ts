/**
 * The flags that describe models, with ie_serving's and model_server's names.
 *
 * @module
 */
import type { LoadConfig } from "../../config/config.ts";
import { parsePluginConfig } from "../../config/plugin_config.ts";
import { parseBatchSize, parseShape } from "../../config/shape.ts";
import { parseVersionPolicy } from "../../config/version_policy.ts";
import { Flag, notEmpty, orNothing, readFlags, secondsAsMs, wholeNumber } from "./flag.ts";

/** Which versions of the one model. */
export const VERSION_POLICY_FLAG = new Flag("model_version_policy", {
  value: "json",
  description:
    'which versions to serve: {"latest": {"num_versions": 2}}, {"specific": {"versions": [1, 3]}} or {"all": {}}',
  parse: parseVersionPolicy,
  default: '{"latest": {"num_versions": 1}}',
});

/** Pause between looks whether a file of models has changed. */
export const MODELS_FILE_POLL_FLAG = new Flag("model_config_file_poll_wait_seconds", {
  value: "seconds",
  description: "pause between looks whether the file of models has changed; 0 for none. SIGHUP has it read at any time",
  parse: secondsAsMs(0, 86_400),
  default: "0",
});

/** How models are loaded. */
export const LOAD_FLAGS = {
  shape: new Flag("shape", {
    value: "shape",
    description: 'shape in place of the model\'s: (1,3,224,224), {"image": "(1,3,-1,100:500)"} or auto',
    parse: orNothing(parseShape),
    default: "",
    defaultWords: "the model's own",
  }),
  batchSize: new Flag("batch_size", {
    value: "size",
    description: "size of the first dimension of all inputs: 8, 1:8, -1 for any, or auto",
    parse: orNothing(parseBatchSize),
    default: "",
    defaultWords: "the model's own",
  }),
  inferRequestCount: new Flag("nireq", {
    value: "count",
    description: "infer requests at work at once",
    parse: wholeNumber(0, 100_000),
    default: "0",
    defaultWords: "0, what OpenVINO finds optimal",
  }),
  device: new Flag("target_device", {
    value: "device",
    description: "device to infer on: CPU, GPU, NPU, AUTO, HETERO:…, MULTI:…",
    parse: notEmpty,
    default: "CPU",
  }),
  pluginConfig: new Flag("plugin_config", {
    value: "json",
    description: 'properties for OpenVINO: {"NUM_STREAMS": 4}; what is not said is chosen by measuring the model',
    parse: parsePluginConfig,
    default: "{}",
  }),
};

/** What {@link LOAD_FLAGS} say, and what a user should know of it. */
export function readLoadFlags(texts: Readonly<Record<string, unknown>>): { load: LoadConfig; notes: string[] } {
  const { shape, batchSize, inferRequestCount, device, pluginConfig } = readFlags(LOAD_FLAGS, texts);
  const isBoth = shape !== undefined && batchSize !== undefined;
  return {
    load: {
      device,
      pluginConfig,
      inferRequestCount: inferRequestCount === 0 ? undefined : inferRequestCount,
      shape,
      batchSize: isBoth ? undefined : batchSize,
    },
    notes: isBoth ? ["--batch_size is ignored, since --shape says it too"] : [],
  };
}
