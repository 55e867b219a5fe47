/**
 * `ovserve` without a command: serves with tensorflow_model_server's flags, and model_server's names where they do not collide.
 *
 * @module
 */
import type { Command } from "commander";
import type { Config, LoadConfig, ModelsSource } from "../../config/config.ts";
import { addFlags, Flag, notEmpty, orNothing, readFlags, UsageError } from "../flags/flag.ts";
import { LOAD_FLAGS, MODELS_FILE_POLL_FLAG, readLoadFlags, VERSION_POLICY_FLAG } from "../flags/model_flags.ts";
import { readServerFlags, SERVER_FLAGS } from "../flags/server_flags.ts";

/** What TensorFlow Serving has other defaults for. */
const OWN_SERVER_FLAGS = { ...SERVER_FLAGS, port: SERVER_FLAGS.port.withDefault("8500") };

const FLAGS = {
  name: new Flag("model_name", {
    value: "name",
    description: "name of the model, as clients ask for it",
    parse: notEmpty,
    default: "default",
  }),
  basePath: new Flag("model_base_path", {
    value: "folder",
    description: "folder of the model's version folders: FOLDER/1, FOLDER/2",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  otherBasePath: new Flag("model_path", {
    value: "folder",
    description: "the same",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  versionPolicy: VERSION_POLICY_FLAG,
  textFile: new Flag("model_config_file", {
    value: "file",
    description: "file with a ModelServerConfig in protocol buffers' text format, in place of one model",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  jsonFile: new Flag("config_path", {
    value: "file",
    description: "JSON file with models, as for ovserve config",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "none",
  }),
  pollIntervalMs: MODELS_FILE_POLL_FLAG,
};

/** Beside a file of models they say nothing, as in TensorFlow Serving. */
const ONE_MODEL_FLAGS = [FLAGS.name, FLAGS.basePath, FLAGS.otherBasePath, FLAGS.versionPolicy];

/** Gives the program the flags it takes without a command. */
export function addServerFlags(program: Command): void {
  addFlags(program, FLAGS, LOAD_FLAGS, OWN_SERVER_FLAGS);
}

/** The configuration that the flags describe. */
export function serverConfig(texts: Readonly<Record<string, unknown>>): Config {
  const { load, notes } = readLoadFlags(texts);
  const source = modelsSource(texts, load);
  const passedOver = source.kind === "list" ? [] : ONE_MODEL_FLAGS.filter((flag) => flag.isGiven(texts))
    .map(({ name }) => `--${name} is ignored: the file lists the models`);
  return {
    models: source,
    load,
    waitsForModels: true,
    ...readServerFlags(OWN_SERVER_FLAGS, texts),
    notes: [...notes, ...passedOver],
  };
}

function modelsSource(texts: Readonly<Record<string, unknown>>, load: LoadConfig): ModelsSource {
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
