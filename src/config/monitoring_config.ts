/**
 * Reads `MonitoringConfig` in text format, as `--monitoring_config_file` holds it
 * (tensorflow_serving/config/monitoring_config.proto).
 *
 * @module
 */
import { ConfigError } from "../base/config_error.ts";
import { booleanOf, Fields, stringOf } from "../protobuf/text_fields.ts";
import { parseTextProto } from "../protobuf/text_proto.ts";

/** Whether and where metrics are told. */
export interface MonitoringConfig {
  readonly isEnabled: boolean;
  /** A path of its own, which begins with a slash; undefined for the usual one. */
  readonly path: string | undefined;
}

/**
 * Reads a MonitoringConfig. Metrics are told only where the text says so, as in TensorFlow Serving.
 *
 * @throws {ConfigError} with the place of what cannot be read.
 */
export function parseMonitoringConfig(text: string): MonitoringConfig {
  const config = new Fields("MonitoringConfig", parseTextProto(text), ["prometheus_config"]);
  const prometheus = config.message("prometheus_config", ["enable", "path"]);
  const field = prometheus?.one("path");
  const path = stringOf(field);
  if (path !== "" && !/^\/[^?#\s]*$/.test(path)) {
    throw new ConfigError(`expected a path that begins with a slash, found ${JSON.stringify(path)}`, field?.place);
  }
  return { isEnabled: booleanOf(prometheus, "enable"), path: path === "" ? undefined : path };
}

/**
 * Reads a file with a MonitoringConfig.
 *
 * @throws {Error} with one sentence that begins with the file's path and the place in it.
 */
export async function readMonitoringConfig(path: string): Promise<MonitoringConfig> {
  try {
    return parseMonitoringConfig(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`Cannot find ${path}`, { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    if (!(error instanceof ConfigError)) throw new Error(`Cannot read ${path}: ${reason}`, { cause: error });
    const place = error.place === undefined ? "" : `:${error.place.line}:${error.place.column}`;
    throw new Error(`${path}${place}: ${reason}`, { cause: error });
  }
}
