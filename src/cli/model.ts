/**
 * `ovserve model`: serves one model, with ie_serving's flags.
 *
 * @module
 */
import { Command } from "commander";
import type { Config } from "../config/config.ts";
import * as flags from "./flags.ts";
import { serve } from "./serve.ts";

const FLAGS = [
  flags.MODEL_NAME,
  flags.MODEL_PATH,
  flags.MODEL_VERSION_POLICY,
  flags.NIREQ,
  flags.TARGET_DEVICE,
  flags.PLUGIN_CONFIG,
];

/** The command, ready to be added to the program. */
export function modelCommand(): Command {
  const command = new Command("model").description("serve one model");
  for (const flag of [...FLAGS, ...flags.SERVER_FLAGS]) command.addOption(flag.option);
  return command.action(async (values: Record<string, unknown>) => {
    await serve(modelConfig(values));
  });
}

/** The configuration that flags describe. */
export function modelConfig(values: Record<string, unknown>): Config {
  return Object.freeze({
    models: [{
      name: flags.MODEL_NAME.of(values),
      basePath: flags.MODEL_PATH.of(values),
      versionPolicy: flags.MODEL_VERSION_POLICY.of(values),
      device: flags.TARGET_DEVICE.of(values),
      pluginConfig: flags.PLUGIN_CONFIG.of(values),
      inferRequestCount: flags.NIREQ.of(values),
    }],
    ...flags.serverConfig(values),
  });
}
