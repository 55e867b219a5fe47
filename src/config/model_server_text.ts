/**
 * Reads a `ModelServerConfig` in text format, as `--model_config_file` holds it (tensorflow_serving/config/
 * model_server_config.proto and file_system_storage_path_source.proto).
 *
 * @module
 */
import type { VersionPolicy } from "../core/version_policy.ts";
import type { ModelServerEntry } from "../service/messages.ts";
import { ConfigError, type Place } from "../base/config_error.ts";
import { Fields, integerOf, stringOf } from "../protobuf/text_fields.ts";
import { parseTextProto, type TextField } from "../protobuf/text_proto.ts";

/** `ModelType` (model_server_config.proto). */
const MODEL_TYPES: ReadonlyMap<string, number> = new Map([
  ["MODEL_TYPE_UNSPECIFIED", 0],
  ["TENSORFLOW", 1],
  ["OTHER", 2],
]);

const UINT32_MAX = 2 ** 32 - 1;

/** An entry and its place in the file. */
export interface PlacedEntry {
  readonly entry: ModelServerEntry;
  readonly place: Place;
}

/**
 * Reads the models of a file.
 *
 * @returns undefined if the file contains no configuration at all.
 * @throws {ConfigError} with the place of what cannot be read.
 */
export function readModelServerConfig(text: string): readonly PlacedEntry[] | undefined {
  const config = new Fields("ModelServerConfig", parse(text), ["model_config_list", "custom_model_config"]);
  const custom = config.one("custom_model_config");
  if (custom !== undefined) {
    throw new ConfigError("custom_model_config is not supported, list the models in model_config_list", custom.place);
  }
  const list = config.message("model_config_list", ["config"]);
  return list?.all("config").map((field) => ({ entry: readModel(field), place: field.place }));
}

/** A mistake in the format is reported with the sentence that protobuf's parser writes to TensorFlow Serving's log. */
function parse(text: string): readonly TextField[] {
  try {
    return parseTextProto(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { message, place } = error;
    throw new ConfigError(`Error parsing text-format tensorflow.serving.ModelServerConfig: ${message}`, place);
  }
}

function readModel(field: TextField): ModelServerEntry {
  const model = Fields.of("ModelConfig", field, [
    ...["name", "base_path", "model_type", "model_platform", "model_version_policy", "version_labels"],
    "logging_config",
  ]);
  const modelType = model.one("model_type");
  const policy = model.one("model_version_policy");
  return {
    name: stringOf(model.one("name")),
    basePath: stringOf(model.one("base_path")),
    modelType: modelType === undefined ? 0 : readModelType(modelType),
    platform: stringOf(model.one("model_platform")),
    versionPolicy: policy === undefined ? { kind: "latest", count: 1 } : readPolicy(policy),
    versionLabels: new Map(model.all("version_labels").map(readLabel)),
    hasLogging: model.one("logging_config") !== undefined,
  };
}

function readModelType(field: TextField): number {
  const word = field.value.kind === "word" ? field.value.text : "";
  const number = MODEL_TYPES.get(word) ?? [...MODEL_TYPES.values()].find((value) => String(value) === word);
  if (number !== undefined) return number;
  throw new ConfigError(`expected one of ${[...MODEL_TYPES.keys()].join(", ")} in model_type`, field.value.place);
}

function readPolicy(field: TextField): VersionPolicy {
  const policy = Fields.of("ServableVersionPolicy", field, ["latest", "all", "specific"]);
  const [choice, other] = policy.fields;
  if (other !== undefined) {
    throw new ConfigError(`${other.name} stands beside ${choice?.name}: a policy is one of them`, other.place);
  }
  switch (choice?.name) {
    case "all":
      Fields.of("All", choice, []);
      return { kind: "all" };
    case "specific": {
      const versions = Fields.of("Specific", choice, ["versions"]).all("versions");
      const { MIN_SAFE_INTEGER: min, MAX_SAFE_INTEGER: max } = Number;
      return { kind: "specific", versions: versions.map((version) => integerOf(version, { min, max })) };
    }
    default: {
      const count = choice && Fields.of("Latest", choice, ["num_versions"]).one("num_versions");
      // As in TensorFlow Serving, 0 means 1.
      return {
        kind: "latest",
        count: Math.max(count === undefined ? 1 : integerOf(count, { min: 0, max: UINT32_MAX }), 1),
      };
    }
  }
}

function readLabel(field: TextField): [string, number] {
  const entry = Fields.of("version_labels", field, ["key", "value"]);
  const value = entry.one("value");
  return [
    stringOf(entry.one("key")),
    value === undefined ? 0 : integerOf(value, { min: 0, max: Number.MAX_SAFE_INTEGER }),
  ];
}
