/**
 * `ovserve model`: serves one model, with ie_serving's flags.
 *
 * @module
 */
import { Command } from "commander";
import type { Config } from "../../config/config.ts";
import { addFlags, notEmpty, readFlags, type Texts } from "../flags/flag.ts";
import {
  BASE_PATH_HELP,
  LOAD_FLAGS,
  MODEL_NAME_HELP,
  modelFlag,
  parseBasePath,
  readLoadFlags,
  VERSION_POLICY_FLAG,
} from "../flags/model_flags.ts";
import { IE_SERVING_DEFAULTS, readServerFlags, SERVER_SECTIONS } from "../flags/server_flags.ts";

const FLAGS = {
  name: modelFlag("model_name", { value: "name", help: MODEL_NAME_HELP, parse: notEmpty, isBasic: true }),
  basePath: modelFlag("model_path", { value: "folder", help: BASE_PATH_HELP, parse: parseBasePath, isBasic: true }),
  versionPolicy: VERSION_POLICY_FLAG,
};

/** Makes the command, without what it does. */
export function modelCommand(): Command {
  const command = new Command("model").description("serve one model: --model_name NAME --model_path FOLDER");
  addFlags(command, [FLAGS, LOAD_FLAGS, ...SERVER_SECTIONS], IE_SERVING_DEFAULTS);
  return command;
}

/** Reads the configuration that the command's flags describe. */
export function modelConfig(texts: Texts): Config {
  const { load, notes } = readLoadFlags(texts);
  const model = { ...load, ...readFlags(FLAGS, texts), versionLabels: new Map(), platform: undefined };
  return {
    models: { kind: "list", models: [model] },
    load,
    waitsForModels: false,
    ...readServerFlags(texts, IE_SERVING_DEFAULTS),
    notes,
  };
}
