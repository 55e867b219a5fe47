/**
 * Finds the model in a version's folder by its file names, and tells whether its files are whole. Which formats can be read in
 * the end is the engine's to say.
 *
 * @module
 */
import { CODE, type Code, ServingError, toServingError } from "../../base/status.ts";
import { type FileEntry, type FolderScan, scanFolder } from "./folder_scan.ts";
import { readIrFacts } from "./ir_files.ts";

/** The formats that are told apart by file name. */
export type ModelFormat = "ir" | "onnx" | "saved_model" | "frozen_graph" | "tflite" | "paddle";

/** The files of one version. All paths begin with the folder. */
export interface ModelFiles {
  readonly format: ModelFormat;
  /** What the engine reads: the model file, or the version's folder for a SavedModel. */
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

/** Whether a version's files are all there: told from the files themselves, or not to be told from them. */
export type Completeness =
  | { readonly kind: "whole" }
  | { readonly kind: "unknown" }
  | { readonly kind: "incomplete"; readonly error: ServingError };

interface Candidate {
  readonly format: ModelFormat;
  readonly file: FileEntry;
}

/** What clients know the folder of a version by. */
export const VERSION_FOLDER = "the version's folder";

const SAVED_MODEL_FILE = "saved_model.pb";
const MAPPING_FILE = "mapping_config.json";
/** `kBatchingParamFile` of tensorflow_serving/servables/tensorflow/bundle_factory_util.cc. */
const BATCHING_FILE = "batching_params.pbtxt";
const WARMUP_FILE = "assets.extra/tf_serving_warmup_requests";
const LOOKED_FOR =
  "*.xml (OpenVINO IR), *.onnx, saved_model.pb, *.pb (frozen graph), *.tflite, *.pdmodel, *.json with *.pdiparams";

/**
 * Finds a version's model and makes sure that its files are whole. Symbolic links to the folder are followed once, so that all
 * paths are of one release even when the link is turned meanwhile.
 *
 * @throws {ServingError} NOT_FOUND when there is no model, INVALID_ARGUMENT when there is more than one, DATA_LOSS when files
 * are cut short or missing, PERMISSION_DENIED when they cannot be read.
 */
export async function findModelFiles(folder: string): Promise<ModelFiles> {
  const scan = await Deno.realPath(folder).then(scanFolder).catch((thrown) => {
    throw accessError({ path: folder, name: VERSION_FOLDER }, thrown);
  });
  const completeness = await judgeCompleteness(scan);
  if (completeness.kind === "incomplete") throw completeness.error;
  return chooseModelFiles(scan);
}

/**
 * Finds the model among the files of a version's folder. Only files directly in it count, and none whose name begins with a dot.
 *
 * @throws {ServingError} NOT_FOUND when there is none, INVALID_ARGUMENT with all names when there is more than one.
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

/** Whether a file among these names is one by which a model is known. */
export function hasModelFile(names: readonly string[]): boolean {
  const all = new Set(names);
  return names.some((name) => formatOf(name, all) !== undefined);
}

/**
 * Tells whether a version can be read to the end: an IR's `.xml` is closed and its `.bin` holds all constants, a SavedModel has
 * all shards of its variables. Of the other formats nothing can be told but that the file is not empty.
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

/** A file or a folder, and what clients may know it by. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

/** A file in a version's folder, known by its own name. */
export function fileIn(folder: string, file: string): Place {
  return { path: `${folder}/${file}`, name: file };
}

/** Says in one sentence why a folder or one of its files cannot be read. */
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

/** What is missing, in words, or undefined. */
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

/** Variables lie in `variables.index` and in shards that say how many they are: `variables.data-00000-of-00002`. */
function lackOfVariables(scan: FolderScan): string | undefined {
  const names = new Set(scan.files.map((file) => file.path));
  const shards = [...names].filter((name) => name.startsWith("variables/variables.data-"));
  if (shards.length > 0 && !names.has("variables/variables.index")) return "variables/variables.index is missing";
  if (shards.length === 0) return names.has("variables/variables.index") ? "the variables are missing" : undefined;
  const count = Number(shards[0]?.match(/-of-(\d+)$/)?.[1] ?? shards.length);
  return shards.length < count ? `${shards.length} of ${count} shards of the variables are there` : undefined;
}
