/**
 * `ovserve config`: serves the models that a JSON file lists, with ie_serving's flags.
 *
 * @module
 */
import { Command } from "commander";
import type { Config } from "../../config/config.ts";
import { addFlags, Flag, notEmpty, readFlags } from "../flags/flag.ts";
import { MODELS_FILE_POLL_FLAG, readLoadFlags } from "../flags/model_flags.ts";
import { readServerFlags, SERVER_FLAGS } from "../flags/server_flags.ts";

const FLAGS = {
  path: new Flag("config_path", {
    value: "file",
    description: 'JSON file: {"model_config_list": [{"config": {"name": …, "base_path": …}}, …]}',
    parse: notEmpty,
  }),
  // As often as model_server looks; TensorFlow Serving does not unless it is told to.
  pollIntervalMs: MODELS_FILE_POLL_FLAG.withDefault("1"),
};

/** The command, without what it does. */
export function configCommand(): Command {
  const command = new Command("config").description("serve the models that a JSON file lists: --config_path FILE");
  addFlags(command, FLAGS, SERVER_FLAGS);
  return command;
}

/** The configuration that the command's flags describe. */
export function configConfig(texts: Readonly<Record<string, unknown>>): Config {
  const { load } = readLoadFlags({});
  return {
    models: { kind: "file", file: { format: "json", load, ...readFlags(FLAGS, texts) } },
    load,
    waitsForModels: false,
    ...readServerFlags(SERVER_FLAGS, texts),
    notes: [],
  };
}
