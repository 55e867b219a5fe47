/**
 * Reads the JSON of `--config_path`, in the format of ie_serving and model_server: `{"model_config_list": [{"config": {…}}, …]}`.
 *
 * @module
 */
import { z } from "zod";
import type { LoadConfig, ModelConfig } from "../model/model_config.ts";
import { ConfigError } from "../base/config_error.ts";
import { formatPath, type JsonPath, JsonPlaces } from "../json/json_places.ts";
import { isAbsolute, isUri, type ModelsRead } from "./model_server_config.ts";
import { pluginConfigOf } from "./plugin_config.ts";
import { batchSizeOf, shapeOf } from "./shape.ts";
import { versionPolicyOf } from "./version_policy.ts";

/** The largest number of infer requests of a model. */
const NIREQ_MAX = 100_000;

const INSTEAD_OF_LAYOUT = "layout is not supported: send inputs in the model's own layout, or convert the model with " +
  "another one (ovc and PrePostProcessor can do it)";

/** A value that `parse` reads; its errors are reported with the place. */
function readBy<T>(parse: (value: unknown) => T): z.ZodType<T> {
  return z.unknown().transform((value, context) => {
    try {
      return parse(value);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

/** A key of model_server that has no effect here, and is accepted only with a value that changes nothing. */
function refused(sentence: string): z.ZodType<unknown> {
  return readBy((value) => {
    if (!(Array.isArray(value) && value.length === 0)) throw new Error(sentence);
    return undefined;
  }).optional();
}

function notEmpty(value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new Error(`expected a text that is not empty, found ${show(value)}`);
}

function folder(value: unknown): string {
  const text = notEmpty(value);
  if (isUri(text)) {
    throw new Error(`expected a folder, found ${show(text)}: mount the storage and name the mounted folder`);
  }
  return text;
}

/** 0 means OpenVINO's optimum. */
function inferRequestCountOf(value: unknown): number | undefined {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > NIREQ_MAX) {
    throw new Error(`expected a whole number from 0 to ${NIREQ_MAX}, found ${show(value)}`);
  }
  return value === 0 ? undefined : value;
}

const MODEL = z.strictObject({
  name: readBy(notEmpty),
  base_path: readBy(folder),
  batch_size: readBy(batchSizeOf).optional(),
  shape: readBy(shapeOf).optional(),
  model_version_policy: readBy(versionPolicyOf).optional(),
  nireq: readBy(inferRequestCountOf).optional(),
  target_device: readBy(notEmpty).optional(),
  plugin_config: readBy(pluginConfigOf).optional(),
  inference_precision: z.enum(["f32", "bf16", "f16", "auto"]).optional(),
  saved_model_tags: z.array(readBy(notEmpty)).min(1).optional(),
  layout: refused(INSTEAD_OF_LAYOUT),
  allow_cache: refused("allow_cache is not supported: --cache_dir caches the compiled models of a server"),
  custom_loader_options: refused("custom_loader_options is not supported: models are read from files"),
  graph_path: refused("graph_path is not supported: graphs of models are not served"),
  subconfig: refused("subconfig is not supported: graphs of models are not served"),
});

const FILE = z.strictObject({
  model_config_list: z.array(z.strictObject({ config: MODEL })),
  pipeline_config_list: refused("pipelines are not served: call the models one after the other"),
  mediapipe_config_list: refused("MediaPipe graphs are not served"),
  custom_node_library_config_list: refused("pipelines are not served: call the models one after the other"),
  custom_loader_config_list: refused("custom loaders are not supported: models are read from files"),
  monitoring: refused("monitoring is not configured in this file: leave it out"),
});

/**
 * Reads the models of a file.
 *
 * @param options.folder the file's folder, to which base paths are relative; without a slash at the end.
 * @param options.load how models are loaded that do not specify it.
 * @throws {ConfigError} with the place and the path of what cannot be used.
 */
export function readModelConfigList(text: string, { folder, load }: { folder: string; load: LoadConfig }): ModelsRead {
  const places = new JsonPlaces(text);
  const read = FILE.safeParse(places.value);
  if (!read.success) throw firstComplaint(read.error.issues, places);
  const entries = read.data.model_config_list.map(({ config }) => config);
  const names = new Set<string>();
  for (const [i, { name }] of entries.entries()) {
    if (names.has(name)) {
      throw errorAt(["model_config_list", i, "config", "name"], `model "${name}" is listed twice`, places);
    }
    names.add(name);
  }
  const notes = entries.filter(({ shape, batch_size }) => shape !== undefined && batch_size !== undefined)
    .map(({ name }) => `Model ${name}: batch_size is ignored, since shape says it too`);
  const models = entries.map((entry): ModelConfig => ({
    name: entry.name,
    basePath: isAbsolute(entry.base_path) ? entry.base_path : `${folder}/${entry.base_path}`,
    versionPolicy: entry.model_version_policy ?? { kind: "latest", count: 1 },
    versionLabels: new Map(),
    platform: undefined,
    device: entry.target_device ?? load.device,
    pluginConfig: entry.plugin_config ?? load.pluginConfig,
    ...entry.inference_precision && { inferencePrecision: entry.inference_precision },
    ...entry.saved_model_tags && { savedModelTags: entry.saved_model_tags },
    inferRequestCount: entry.nireq ?? load.inferRequestCount,
    shape: entry.shape ?? load.shape,
    batchSize: entry.shape === undefined ? entry.batch_size ?? load.batchSize : undefined,
  }));
  return { models, notes };
}

type Issue = z.core.$ZodIssue;

/** Returns the error that comes first in the file. */
function firstComplaint(issues: readonly Issue[], places: JsonPlaces): ConfigError {
  const errors = issues.map((issue) => {
    if (issue.code !== "unrecognized_keys") return errorAt(issue.path, reasonOf(issue, places), places);
    const path = [...issue.path, issue.keys[0] ?? ""];
    return errorAt(path, "this key is not known here", places);
  });
  const order = ({ place }: ConfigError) => (place?.line ?? 0) * 1e6 + (place?.column ?? 0);
  return errors.sort((a, b) => order(a) - order(b))[0] ?? new ConfigError("the file cannot be used");
}

function errorAt(path: JsonPath, reason: string, places: JsonPlaces): ConfigError {
  return new ConfigError(path.length === 0 ? reason : `${formatPath(path)}: ${reason}`, places.placeOf(path));
}

const TYPE_NAMES: Readonly<Record<string, string>> = { object: "an object", array: "a list" };

function reasonOf(issue: Issue, places: JsonPlaces): string {
  const value = valueAt(places.value, issue.path);
  if (value === undefined) return "this is missing";
  if (issue.code !== "invalid_type") return issue.message;
  return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, found ${show(value)}`;
}

function valueAt(value: unknown, path: JsonPath): unknown {
  return path.reduce((inner, step) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[step], value);
}

/** Prints a value, shortened. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
