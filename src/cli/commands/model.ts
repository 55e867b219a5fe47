/**
 * `ovserve model`: serves one model, with ie_serving's flags.
 *
 * @module
 */
import { Command } from "commander";
import type { Config } from "../../config/config.ts";
import { addFlags, Flag, notEmpty, readFlags } from "../flags/flag.ts";
import { LOAD_FLAGS, readLoadFlags, VERSION_POLICY_FLAG } from "../flags/model_flags.ts";
import { readServerFlags, SERVER_FLAGS } from "../flags/server_flags.ts";

const FLAGS = {
  name: new Flag("model_name", {
    value: "name",
    description: "name of the model, as clients ask for it",
    parse: notEmpty,
  }),
  basePath: new Flag("model_path", {
    value: "folder",
    description: "folder of the model's version folders: FOLDER/1, FOLDER/2",
    parse: notEmpty,
  }),
  versionPolicy: VERSION_POLICY_FLAG,
};

/** The command, without what it does. */
export function modelCommand(): Command {
  const command = new Command("model").description("serve one model: --model_name NAME --model_path FOLDER");
  addFlags(command, FLAGS, LOAD_FLAGS, SERVER_FLAGS);
  return command;
}

/** The configuration that the command's flags describe. */
export function modelConfig(texts: Readonly<Record<string, unknown>>): Config {
  const { load, notes } = readLoadFlags(texts);
  const model = { ...load, ...readFlags(FLAGS, texts), versionLabels: new Map(), platform: undefined };
  return {
    models: { kind: "list", models: [model] },
    load,
    waitsForModels: false,
    ...readServerFlags(SERVER_FLAGS, texts),
    notes,
  };
}
