/**
 * `ovserve config`: serves the models that a JSON file lists, with ie_serving's flags.
 *
 * @module
 */
import { Command } from "commander";
import type { Config } from "../../config/config.ts";
import { addFlags, type Defaults, notEmpty, readFlags, type Texts } from "../flags/flag.ts";
import { modelFlag, MODELS_FILE_POLL_FLAG, readLoadFlags } from "../flags/model_flags.ts";
import { IE_SERVING_DEFAULTS, readServerFlags, SERVER_SECTIONS } from "../flags/server_flags.ts";

const FLAGS = {
  path: modelFlag("config_path", {
    value: "file",
    help: 'JSON file: {"model_config_list": [{"config": {"name": …, "base_path": …}}, …]}',
    parse: notEmpty,
    isBasic: true,
  }),
  pollIntervalMs: MODELS_FILE_POLL_FLAG,
};

/** model_server looks for a changed file as often. */
const DEFAULTS: Defaults = { ...IE_SERVING_DEFAULTS, [MODELS_FILE_POLL_FLAG.name]: "1" };

/** Makes the command, without what it does. */
export function configCommand(): Command {
  const command = new Command("config").description("serve the models that a JSON file lists: --config_path FILE");
  addFlags(command, [FLAGS, ...SERVER_SECTIONS], DEFAULTS);
  return command;
}

/** Reads the configuration that the command's flags describe. */
export function configConfig(texts: Texts): Config {
  const { load } = readLoadFlags({});
  return {
    models: { kind: "file", file: { format: "json", load, ...readFlags(FLAGS, texts, DEFAULTS) } },
    load,
    waitsForModels: false,
    ...readServerFlags(texts, DEFAULTS),
    notes: [],
  };
}
