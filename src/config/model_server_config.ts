/**
 * Turns the models of a `ModelServerConfig`, from a file or from a request, into models to serve. The rules, and the messages that
 * clients see, are those of tensorflow_serving/model_servers/server_core.cc.
 *
 * @module
 */
import { CODE, ServingError } from "../base/status.ts";
import type { LoadConfig, ModelConfig } from "../model/model_config.ts";
import type { ModelServerEntry } from "../service/messages.ts";

/** The platforms that a model may name. They make no difference: whatever is in the version folder is loaded. */
const PLATFORMS: readonly string[] = ["tensorflow", "openvino"];

/** `model_type: TENSORFLOW` means the platform. */
const MODEL_TYPE_TENSORFLOW = 1;

/** The models that were read, and notes on what was ignored. */
export interface ModelsRead {
  readonly models: readonly ModelConfig[];
  /** Sentences for the log on what was ignored. */
  readonly notes: readonly string[];
}

/** An entry that cannot be served. */
export class ModelEntryError extends ServingError {
  constructor(message: string, readonly entry: ModelServerEntry) {
    super(CODE.INVALID_ARGUMENT, message);
  }
}

/**
 * Checks all entries, then makes models of them.
 *
 * @param options.load how all of them are loaded.
 * @param options.before the models served until now, whose platforms must not change.
 * @throws {ModelEntryError} INVALID_ARGUMENT for the first entry that cannot be served.
 */
export function modelsOf(
  entries: readonly ModelServerEntry[],
  { load, before }: { load: LoadConfig; before: readonly ModelConfig[] },
): ModelsRead {
  const names = new Set<string>();
  for (const entry of entries) {
    if (names.has(entry.name)) {
      throw new ModelEntryError(`Illegal to list model ${entry.name} multiple times in config list`, entry);
    }
    names.add(entry.name);
  }
  for (const entry of entries) checkPlace(entry);
  const platforms = new Map(before.map(({ name, platform }) => [name, platform]));
  const models = entries.map((entry): ModelConfig => {
    const platform = platformOf(entry);
    const old = platforms.get(entry.name);
    if (old !== undefined && old !== platform) {
      throw new ModelEntryError(
        `Illegal to change a model's platform. For model ${entry.name} platform was ${old} ` +
          `and new platform requested is ${platform}`,
        entry,
      );
    }
    const { name, basePath, versionPolicy, versionLabels } = entry;
    return { ...load, name, basePath, versionPolicy, versionLabels, platform };
  });
  return { models, notes: entries.flatMap(notesOn) };
}

function checkPlace(entry: ModelServerEntry): void {
  const { name, basePath } = entry;
  if (name === "") throw new ModelEntryError("A model has no name", entry);
  if (isUri(basePath)) {
    throw new ModelEntryError(
      `Model ${name} has base_path()=${basePath}, expected a folder: mount the storage and name the mounted folder`,
      entry,
    );
  }
  if (!isAbsolute(basePath)) {
    throw new ModelEntryError(
      `Expected model ${name} to have an absolute path or URI; got base_path()=${basePath}`,
      entry,
    );
  }
}

function platformOf(entry: ModelServerEntry): string {
  const { name, modelType, platform } = entry;
  if (modelType !== 0 && platform !== "") {
    throw new ModelEntryError(
      "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, " +
        `model name is ${name}`,
      entry,
    );
  }
  if (modelType === MODEL_TYPE_TENSORFLOW) return "tensorflow";
  if (modelType !== 0) {
    throw new ModelEntryError(`ModelServerConfig::model_type choice ${modelType} not supported.`, entry);
  }
  if (platform === "") {
    throw new ModelEntryError(
      "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, " +
        `model name is ${name}`,
      entry,
    );
  }
  if (!PLATFORMS.includes(platform)) {
    throw new ModelEntryError(`Model ${name} requests unsupported platform ${platform}`, entry);
  }
  return platform;
}

function notesOn({ name, modelType, hasLogging }: ModelServerEntry): string[] {
  const notes: string[] = [];
  if (hasLogging) notes.push(`Model ${name}: logging_config is ignored, requests are not logged`);
  if (modelType !== 0) notes.push(`Model ${name}: model_type is deprecated, write model_platform: "tensorflow"`);
  return notes;
}

/** Whether a base path is in a storage service: `s3://bucket/model`. */
export function isUri(basePath: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(basePath);
}

/** Whether a path begins at the root or at a drive. */
export function isAbsolute(path: string): boolean {
  return /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(path);
}
