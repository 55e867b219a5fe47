/**
 * The file that lists the models of a server, in either format.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { CODE, ServingError } from "../base/status.ts";
import type { LoadConfig, ModelConfig } from "../model/model_config.ts";
import { ConfigError } from "../base/config_error.ts";
import { ConfigFileError, parseConfigText, readConfigText } from "./config_file.ts";
import { readModelConfigList } from "./model_config_list.ts";
import { ModelEntryError, modelsOf, type ModelsRead } from "./model_server_config.ts";
import { readModelServerConfig } from "./model_server_text.ts";

/** A file that lists models. */
export interface ModelsFile {
  readonly path: string;
  /** model_server's JSON or TensorFlow Serving's text format. */
  readonly format: "json" | "text_proto";
  /** Pause between looks whether it has changed; 0 to look only on request. */
  readonly pollIntervalMs: number;
  /** How models are loaded if the file does not say so. */
  readonly load: LoadConfig;
}

/**
 * Reads the text of a file.
 *
 * @throws {ServingError} INVALID_ARGUMENT with the reason in its detail.
 */
export function readModelsFile({ path }: ModelsFile): Promise<string> {
  return readConfigText(path).catch(throwPublic);
}

/**
 * Parses the text of a file.
 *
 * @param options.before the models served until now.
 * @throws {ServingError} INVALID_ARGUMENT with a detail that begins with the file's path and the place in it.
 */
export function readModels(
  text: string,
  { file, before }: { file: ModelsFile; before: readonly ModelConfig[] },
): ModelsRead {
  const { path, load } = file;
  const parse = file.format === "json"
    ? () => readModelConfigList(text, { folder: dirname(resolve(path)), load })
    : () => readTextFormat(text, { load, before });
  try {
    return parseConfigText(path, text, parse);
  } catch (error) {
    return throwPublic(error);
  }
}

/** As in TensorFlow Serving, a file without any configuration changes nothing, and is an error if models are served. */
function readTextFormat(
  text: string,
  { load, before }: { load: LoadConfig; before: readonly ModelConfig[] },
): ModelsRead {
  const placed = readModelServerConfig(text);
  if (placed === undefined && before.length > 0) {
    throw new ConfigError(
      "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another.",
    );
  }
  if (placed === undefined) return { models: [], notes: ["Taking no action for empty config."] };
  try {
    return modelsOf(placed.map(({ entry }) => entry), { load, before });
  } catch (error) {
    if (!(error instanceof ModelEntryError)) throw error;
    throw new ConfigError(error.message, placed.find(({ entry }) => entry === error.entry)?.place);
  }
}

/** Clients that reload the file see where it is wrong, but none of its content, which may be paths. */
function throwPublic(error: unknown): never {
  if (!(error instanceof ConfigFileError)) throw error;
  const { problem, place, detail } = error;
  const where = place === undefined ? "" : ` at line ${place.line}, column ${place.column}`;
  const complaint =
    { missing: "cannot be found", unreadable: "cannot be read", invalid: `cannot be used${where}` }[problem];
  throw new ServingError(CODE.INVALID_ARGUMENT, `The file of models ${complaint}: the log says why`, {
    detail,
    cause: error,
  });
}
