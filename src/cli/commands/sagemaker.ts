/**
 * `ovserve sagemaker`: serves a folder of models as TensorFlow Serving's container for SageMaker does, configured by the same
 * environment variables (aws/sagemaker-tensorflow-serving-container, serve.py and tfs_utils.py).
 *
 * @module
 */
import { Command } from "commander";
import { basename } from "node:path";
import type { Config, ModelConfig } from "../../config/config.ts";
import { findModelFolders } from "../../model/source/model_folders.ts";
import { addFlags, type Defaults, notEmpty, readFlags, type Texts, topic, UsageError } from "../flags/flag.ts";
import { LOAD_FLAGS, readLoadFlags } from "../flags/model_flags.ts";
import { judgeForeign, readVariables, VARIABLE_DEFAULTS, VARIABLES_HELP } from "../flags/sagemaker_variables.ts";
import { readServerFlags, SERVER_SECTIONS, VERSION_ZERO_FLAG_NAME } from "../flags/server_flags.ts";

const FLAGS = {
  modelDir: topic("Models")("model_dir", {
    value: "folder",
    help: "folder with the models in version folders: FOLDER/NAME/1, FOLDER/export/Servo/1, FOLDER/1",
    parse: notEmpty,
    default: "/opt/ml/model",
    isBasic: true,
  }),
};

/** The container's server does not retry. */
const DEFAULTS: Defaults = { "max_num_load_retries": "0", [VERSION_ZERO_FLAG_NAME]: "false", ...VARIABLE_DEFAULTS };

/** Makes the command, without what it does. */
export function sagemakerCommand(): Command {
  // SageMaker starts a container with the word "serve".
  const command = new Command("sagemaker").alias("serve").description(
    "serve the models below a folder, as SageMaker wants them served",
  );
  addFlags(command, [FLAGS, LOAD_FLAGS, ...SERVER_SECTIONS], DEFAULTS);
  return command.addHelpText("after", `\n${VARIABLES_HELP}`);
}

/** Reads the configuration that the command's flags and SageMaker's variables describe. Flags overrule variables. */
export function sagemakerConfig(texts: Texts): Config {
  const { modelDir } = readFlags(FLAGS, texts);
  const variables = readVariables();
  const foreignNotes = judgeForeign(modelDir);
  const { load, notes } = readLoadFlags(texts);
  const models = modelsBelow(modelDir).map((basePath): ModelConfig => ({
    ...load,
    name: basename(basePath),
    basePath,
    versionPolicy: { kind: "all" },
    versionLabels: new Map(),
    platform: "tensorflow",
  }));
  const defaultModel = variables.defaultModel ?? models[0]?.name ?? "";
  checkNames(models, { modelDir, defaultModel });
  const server = readServerFlags(texts, { ...DEFAULTS, ...variables.defaults });
  return {
    ...server,
    models: { kind: "list", models },
    load,
    waitsForModels: false,
    rest: server.rest && { ...server.rest, sagemaker: { defaultModel } },
    batching: server.batching && { parametersText: variables.batchingParameters, ...server.batching },
    notes: [...foreignNotes, ...notes],
  };
}

function modelsBelow(folder: string): string[] {
  let found: string[];
  try {
    found = findModelFolders(folder);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? `Cannot find ${folder}` : `Cannot read ${folder}: ${error}`;
    throw new Error(`${reason}, where SageMaker puts the models`, { cause: error });
  }
  if (found.length > 0) return found;
  throw new Error(`No model below ${folder}: put the files of version 1 into the folder NAME/1 there`);
}

function checkNames(
  models: readonly ModelConfig[],
  { modelDir, defaultModel }: { modelDir: string; defaultModel: string },
): void {
  const names = models.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new Error(`Two models below ${modelDir} are called ${twice}`);
  if (names.includes(defaultModel)) return;
  throw new UsageError(
    `SAGEMAKER_TFS_DEFAULT_MODEL_NAME is ${defaultModel}, the models below ${modelDir} are ${names.join(", ")}`,
  );
}
