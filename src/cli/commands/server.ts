/**
 * `ovserve` without a command: serves with tensorflow_model_server's flags, and model_server's names where they do not collide.
 *
 * @module
 */
import type { Command } from "commander";
import type { Config, LoadConfig, ModelsSource } from "../../config/config.ts";
import { addFlags, type Defaults, notEmpty, optional, readFlags, type Texts, UsageError } from "../flags/flag.ts";
import {
  BASE_PATH_HELP,
  LOAD_FLAGS,
  MODEL_NAME_HELP,
  modelFlag,
  MODELS_FILE_POLL_FLAG,
  parseBasePath,
  readLoadFlags,
  VERSION_POLICY_FLAG,
} from "../flags/model_flags.ts";
import { readServerFlags, SERVER_SECTIONS, VERSION_ZERO_FLAG_NAME } from "../flags/server_flags.ts";

/** TensorFlow Serving's defaults, where they differ. */
const DEFAULTS: Defaults = { port: "8500" };

const FLAGS = {
  name: modelFlag("model_name", {
    value: "name",
    help: MODEL_NAME_HELP,
    parse: notEmpty,
    default: "default",
    isBasic: true,
  }),
  basePath: modelFlag(
    "model_base_path",
    optional({ value: "folder", help: BASE_PATH_HELP, isBasic: true }, parseBasePath),
  ),
  otherBasePath: modelFlag(
    "model_path",
    optional({ value: "folder", help: "same as --model_base_path" }, parseBasePath),
  ),
  textFile: modelFlag(
    "model_config_file",
    optional({
      value: "file",
      help: "serve the models of this file, a ModelServerConfig in protocol buffers' text format",
      isBasic: true,
    }),
  ),
  jsonFile: modelFlag(
    "config_path",
    optional({ value: "file", help: "serve the models of this JSON file, as ovserve config does", isBasic: true }),
  ),
  versionPolicy: VERSION_POLICY_FLAG,
  pollIntervalMs: MODELS_FILE_POLL_FLAG,
};

/** model_server's flags, whose clients send version 0 for the latest. */
const MODEL_SERVER_FLAGS = [FLAGS.jsonFile, FLAGS.otherBasePath];
const MODEL_SERVER_DEFAULTS: Defaults = { ...DEFAULTS, [VERSION_ZERO_FLAG_NAME]: "true" };

/** Flags that a file of models overrules, as in TensorFlow Serving. */
const ONE_MODEL_FLAGS = [FLAGS.name, FLAGS.basePath, FLAGS.otherBasePath, FLAGS.versionPolicy];

/** Gives the program the flags it takes without a command. */
export function addServerFlags(program: Command): void {
  addFlags(program, [FLAGS, LOAD_FLAGS, ...SERVER_SECTIONS], DEFAULTS);
}

/** Reads the configuration that the flags describe. */
export function serverConfig(texts: Texts): Config {
  const { load, notes } = readLoadFlags(texts);
  const source = modelsSource(texts, load);
  const ignored = source.kind === "list" ? [] : ONE_MODEL_FLAGS.filter((flag) => flag.isGiven(texts))
    .map(({ name }) => `--${name} is ignored: the file lists the models`);
  const isModelServer = MODEL_SERVER_FLAGS.some((flag) => flag.isGiven(texts));
  return {
    models: source,
    load,
    waitsForModels: true,
    ...readServerFlags(texts, isModelServer ? MODEL_SERVER_DEFAULTS : DEFAULTS),
    notes: [...notes, ...ignored],
  };
}

function modelsSource(texts: Texts, load: LoadConfig): ModelsSource {
  const { name, versionPolicy, textFile, jsonFile, pollIntervalMs, ...paths } = readFlags(FLAGS, texts);
  if (textFile !== undefined && jsonFile !== undefined) {
    throw new UsageError("--model_config_file and --config_path cannot go together: one file lists the models");
  }
  const path = textFile ?? jsonFile;
  if (path !== undefined) {
    const format = path === textFile ? "text_proto" : "json";
    return { kind: "file", file: { path, format, pollIntervalMs, load } };
  }
  const basePath = paths.basePath ?? paths.otherBasePath;
  if (basePath === undefined) {
    throw new UsageError("No model is named: use --model_name and --model_base_path, or --model_config_file");
  }
  if (pollIntervalMs > 0) throw new UsageError(`--${FLAGS.pollIntervalMs.name} needs a file that lists the models`);
  const model = { ...load, name, basePath, versionPolicy, versionLabels: new Map(), platform: "tensorflow" };
  return { kind: "list", models: [model] };
}
