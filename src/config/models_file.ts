/**
 * The file that lists the models of a server, in either form, read whole before anything of it is used.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { CODE, ServingError } from "../base/status.ts";
import type { LoadConfig, ModelConfig } from "../model/model_config.ts";
import { ConfigError } from "../base/config_error.ts";
import { readModelConfigList } from "./model_config_list.ts";
import { ModelEntryError, modelsOf, type ModelsRead } from "./model_server_config.ts";
import { readModelServerConfig } from "./model_server_text.ts";

/** A file with models. */
export interface ModelsFile {
  readonly path: string;
  /** model_server's JSON or TensorFlow Serving's text format. */
  readonly format: "json" | "text_proto";
  /** Pause between looks whether it has changed; 0 for none. */
  readonly pollIntervalMs: number;
  /** How models are loaded where the file does not say so. */
  readonly load: LoadConfig;
}

/**
 * Reads a file.
 *
 * @throws {ServingError} INVALID_ARGUMENT which says in its detail why it cannot be read.
 */
export async function readModelsFile({ path }: ModelsFile): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw unusable("cannot be found", `Cannot find ${path}`, error);
    const isDenied = error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
    const reason = isDenied ? "permission denied" : error instanceof Error ? error.message : String(error);
    throw unusable("cannot be read", `Cannot read ${path}: ${reason}`, error);
  }
}

/**
 * Reads the text of a file.
 *
 * @param options.before the models served until now.
 * @throws {ServingError} INVALID_ARGUMENT with a detail that begins with the file's path and the place in it.
 */
export function readModels(
  text: string,
  { file, before }: { file: ModelsFile; before: readonly ModelConfig[] },
): ModelsRead {
  const { path, load } = file;
  try {
    if (file.format === "json") return readModelConfigList(text, { folder: dirname(resolve(path)), load });
    return readTextFormat(text, { load, before });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const place = error.place === undefined ? "" : `:${error.place.line}:${error.place.column}`;
    const where = error.place === undefined ? "" : ` at line ${error.place.line}, column ${error.place.column}`;
    throw unusable(`cannot be used${where}`, `${path}${place}: ${error.message}`, error);
  }
}

/** TensorFlow Serving takes a file without any configuration for nothing to do, but only while it serves nothing. */
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

/** What a client that has the file read again is told: where it is wrong, and nothing of what it says, which may be paths. */
function unusable(complaint: string, detail: string, cause: unknown): ServingError {
  return new ServingError(CODE.INVALID_ARGUMENT, `The file of models ${complaint}: the log says why`, {
    detail,
    cause,
  });
}
