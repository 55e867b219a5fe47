/**
 * Finds the model in a version's folder by its file names, and checks that its files are complete. The engine decides which formats it
 * can read.
 *
 * @module
 */
import { CODE, type Code, ServingError, toServingError } from "../../base/status.ts";
import { type FileEntry, type FolderScan, scanFolder } from "./folder_scan.ts";
import { readIrFacts } from "./ir_files.ts";

/** The formats that file names distinguish. */
export type ModelFormat = "ir" | "onnx" | "saved_model" | "frozen_graph" | "tflite" | "paddle";

/** The files of one version. All paths start with the version's folder. */
export interface ModelFiles {
  readonly format: ModelFormat;
  /** The path that the engine reads: the model file, or the version's folder for a SavedModel. */
  readonly path: string;
  /** The names clients use for the tensors: `mapping_config.json`. */
  readonly mappingPath: string | undefined;
  /** Requests to warm up with: `assets.extra/tf_serving_warmup_requests`. */
  readonly warmupPath: string | undefined;
  /** How requests share inferences, where each version has that for itself: `batching_params.pbtxt`. */
  readonly batchingPath: string | undefined;
  /** The size of all files together: that of the model with its weights, wherever its format puts them. */
  readonly bytes: number;
}

/** Whether a version's files are complete: known from the files themselves, or unknown. */
export type Completeness =
  | { readonly kind: "whole" }
  | { readonly kind: "unknown" }
  | { readonly kind: "incomplete"; readonly error: ServingError };

interface Candidate {
  readonly format: ModelFormat;
  readonly file: FileEntry;
}

/** The name of a version's folder in errors for clients. */
export const VERSION_FOLDER = "the version's folder";

const SAVED_MODEL_FILE = "saved_model.pb";
const MAPPING_FILE = "mapping_config.json";
/** `kBatchingParamFile` of tensorflow_serving/servables/tensorflow/bundle_factory_util.cc. */
const BATCHING_FILE = "batching_params.pbtxt";
const WARMUP_FILE = "assets.extra/tf_serving_warmup_requests";
const LOOKED_FOR =
  "*.xml (OpenVINO IR), *.onnx, saved_model.pb, *.pb (frozen graph), *.tflite, *.pdmodel, *.json with *.pdiparams";

/**
 * Finds a version's model and checks that its files are complete. Symbolic links to the folder are resolved once, so that all paths
 * belong to one release even when the link changes meanwhile.
 *
 * @throws {ServingError} NOT_FOUND without a model, INVALID_ARGUMENT for more than one, DATA_LOSS when files are truncated or missing,
 * PERMISSION_DENIED when they cannot be read.
 */
export async function findModelFiles(folder: string): Promise<ModelFiles> {
  const scan = await Deno.realPath(folder).then(scanFolder).catch((thrown) => {
    throw accessError({ path: folder, name: VERSION_FOLDER }, thrown);
  });
  const completeness = await judgeCompleteness(scan);
  if (completeness.kind === "incomplete") throw completeness.error;
  const files = chooseModelFiles(scan);
  // A folder in place of the file is not listed; reading it reports the mistake.
  const batchingPath = `${scan.folder}/${BATCHING_FILE}`;
  const isThere = files.batchingPath !== undefined || await Deno.stat(batchingPath).then(() => true, () => false);
  return { ...files, batchingPath: isThere ? batchingPath : undefined };
}

/**
 * Chooses the model among the files of a version's folder. Only files directly in it count, and none whose name starts with a dot.
 *
 * @throws {ServingError} NOT_FOUND without a model, INVALID_ARGUMENT with all names for more than one.
 */
export function chooseModelFiles(scan: FolderScan): ModelFiles {
  const { format, file } = chooseCandidate(scan);
  const pathOf = (path: string): string | undefined =>
    scan.files.some((other) => other.path === path) ? `${scan.folder}/${path}` : undefined;
  return {
    format,
    path: format === "saved_model" ? scan.folder : `${scan.folder}/${file.path}`,
    mappingPath: pathOf(MAPPING_FILE),
    warmupPath: pathOf(WARMUP_FILE),
    batchingPath: pathOf(BATCHING_FILE),
    bytes: scan.files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Whether one of these file names identifies a model. */
export function hasModelFile(names: readonly string[]): boolean {
  const all = new Set(names);
  return names.some((name) => formatOf(name, all) !== undefined);
}

/**
 * Judges whether a version is complete: an IR's `.xml` is closed and its `.bin` has all constants, a SavedModel has all shards of its
 * variables. A file of another format can only be checked for being empty.
 */
export async function judgeCompleteness(scan: FolderScan): Promise<Completeness> {
  try {
    const candidate = chooseCandidate(scan);
    const lack = candidate.file.bytes === 0 ? `${candidate.file.path} is empty` : await lackOf(candidate, scan);
    if (lack !== undefined) {
      const detail = `Incomplete model in ${scan.folder}: ${lack}`;
      return incomplete(new ServingError(CODE.DATA_LOSS, `Incomplete model: ${lack}`, { detail }));
    }
    return { kind: candidate.format === "ir" ? "whole" : "unknown" };
  } catch (thrown) {
    const place = { path: scan.folder, name: VERSION_FOLDER };
    return incomplete(thrown instanceof ServingError ? thrown : accessError(place, thrown));
  }
}

/** A file or folder, and its name in errors for clients. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

/** A file in a version's folder, named by its file name. */
export function fileIn(folder: string, file: string): Place {
  return { path: `${folder}/${file}`, name: file };
}

/** Returns the error for a folder or file that cannot be read, in one sentence. */
export function accessError({ path, name }: Place, thrown: unknown): ServingError {
  const failure = (code: Code, sentence: (place: string) => string) =>
    new ServingError(code, sentence(name), { detail: sentence(path), cause: thrown });
  if (thrown instanceof Deno.errors.NotFound) return failure(CODE.NOT_FOUND, (place) => `Cannot find ${place}`);
  if (thrown instanceof Deno.errors.PermissionDenied || thrown instanceof Deno.errors.NotCapable) {
    return failure(CODE.PERMISSION_DENIED, (place) => `Cannot read ${place}: permission denied`);
  }
  if (thrown instanceof Error && "code" in thrown) {
    return failure(CODE.UNAVAILABLE, (place) => `Cannot read ${place}: ${thrown.code}`);
  }
  return toServingError(thrown);
}

function incomplete(error: ServingError): Completeness {
  return { kind: "incomplete", error };
}

function chooseCandidate(scan: FolderScan): Candidate {
  const files = scan.files.filter(({ path }) => !path.includes("/") && !path.startsWith("."));
  const names = new Set(files.map((file) => file.path));
  const candidates = files.flatMap((file) => {
    const format = formatOf(file.path, names);
    return format === undefined ? [] : [{ format, file }];
  });
  const [candidate, ...others] = candidates;
  if (candidate === undefined) {
    throw new ServingError(CODE.NOT_FOUND, `No model in ${VERSION_FOLDER}: looked for ${LOOKED_FOR}`, {
      detail: `No model in ${scan.folder}: looked for ${LOOKED_FOR}`,
    });
  }
  if (others.length > 0) {
    const all = candidates.map(({ file }) => file.path).join(" and ");
    throw new ServingError(CODE.INVALID_ARGUMENT, `More than one model in ${VERSION_FOLDER}: ${all}`, {
      detail: `More than one model in ${scan.folder}: ${all}`,
    });
  }
  return candidate;
}

function formatOf(name: string, names: ReadonlySet<string>): ModelFormat | undefined {
  if (name === SAVED_MODEL_FILE) return "saved_model";
  const [stem, extension] = splitExtension(name);
  switch (extension) {
    case ".xml":
      return "ir";
    case ".onnx":
      return "onnx";
    case ".pb":
      // TensorFlow puts fingerprint.pb and keras_metadata.pb beside saved_model.pb.
      return names.has(SAVED_MODEL_FILE) ? undefined : "frozen_graph";
    case ".tflite":
      return "tflite";
    case ".pdmodel":
      return "paddle";
    case ".json":
      return names.has(`${stem}.pdiparams`) && !names.has(`${stem}.pdmodel`) ? "paddle" : undefined;
    default:
      return undefined;
  }
}

function splitExtension(name: string): [stem: string, extension: string] {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot)];
}

/** Returns what is missing, in words; undefined for a complete model. */
async function lackOf({ format, file }: Candidate, scan: FolderScan): Promise<string | undefined> {
  if (format === "ir") return await lackOfIr(file, scan);
  if (format === "saved_model") return lackOfVariables(scan);
  return undefined;
}

async function lackOfIr(xml: FileEntry, scan: FolderScan): Promise<string | undefined> {
  const place = fileIn(scan.folder, xml.path);
  const facts = await readIrFacts(place.path).catch((thrown) => {
    throw accessError(place, thrown);
  });
  if (!facts.isComplete) return `${xml.path} does not end as an IR does`;
  const binPath = `${splitExtension(xml.path)[0]}.bin`;
  const bin = scan.files.find((file) => file.path === binPath);
  if (facts.weightsBytes <= (bin?.bytes ?? 0)) return undefined;
  const there = bin === undefined ? `${binPath} is missing` : `${binPath} has ${bin.bytes} bytes`;
  return `${there}, ${xml.path} needs ${facts.weightsBytes}`;
}

/** Variables are stored in `variables.index` and in shards whose names have their number: `variables.data-00000-of-00002`. */
function lackOfVariables(scan: FolderScan): string | undefined {
  const names = new Set(scan.files.map((file) => file.path));
  const shards = [...names].filter((name) => name.startsWith("variables/variables.data-"));
  if (shards.length > 0 && !names.has("variables/variables.index")) return "variables/variables.index is missing";
  if (shards.length === 0) return names.has("variables/variables.index") ? "the variables are missing" : undefined;
  const count = Number(shards[0]?.match(/-of-(\d+)$/)?.[1] ?? shards.length);
  return shards.length < count ? `${shards.length} of ${count} shards of the variables are there` : undefined;
}
