/**
 * Paths as tensorflow_model_server reads them (tensorflow_serving/model_servers/http_rest_api_util.cc, `ParseModelInfo`).
 *
 * @module
 */
import { CODE, ServingError } from "../../../base/status.ts";
import { percentDecode } from "../../../rest/url_path.ts";

/** The model that a path names, and its version. */
export interface ModelPath {
  /** Undefined if the path may leave it out and does. */
  readonly name: string | undefined;
  readonly version?: number | bigint;
  readonly versionLabel?: string;
  /** The last word: `predict`, `metadata`; undefined if there is none. */
  readonly suffix: string | undefined;
}

const CALL_REGEXP = /^\/v1\/models\/([^/:]+)(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?:(classify|regress|predict)$/i;
const ABOUT_REGEXP = /^\/v1\/models(?:\/([^/:]+))?(?:\/versions\/([0-9]+)|\/labels\/([^/:]+))?(?:\/(metadata))?$/i;

const INT64_MAX = 2n ** 63n - 1n;

/**
 * Parses the path of a call, `/v1/models/NAME[/versions/N|/labels/L]:predict`. Returns undefined for any other path.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a version past 64 bits.
 */
export function parseCallPath(path: string): ModelPath | undefined {
  return modelPathOf(CALL_REGEXP.exec(path));
}

/**
 * Parses the path of a status or metadata request, `/v1/models[/NAME][/versions/N|/labels/L][/metadata]`. Returns undefined for
 * any other path.
 *
 * @throws {ServingError} INVALID_ARGUMENT for a version past 64 bits.
 */
export function parseAboutPath(path: string): ModelPath | undefined {
  return modelPathOf(ABOUT_REGEXP.exec(path));
}

function modelPathOf(match: RegExpExecArray | null): ModelPath | undefined {
  if (match === null) return undefined;
  const [, name, version, label, suffix] = match;
  return {
    name: name === undefined ? undefined : percentDecode(name),
    ...(version === undefined ? {} : { version: versionOf(version) }),
    ...(label === undefined ? {} : { versionLabel: percentDecode(label) }),
    suffix,
  };
}

function versionOf(digits: string): number | bigint {
  const version = BigInt(digits);
  if (version > INT64_MAX) {
    throw new ServingError(CODE.INVALID_ARGUMENT, `Failed to convert version: ${digits} to numeric.`);
  }
  return version <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(version) : version;
}
