/**
 * Finds out what a server with a configuration would serve: reads the files it would read, and loads and frees the versions it would
 * load, one after another. Opens no port and changes nothing.
 *
 * @module
 */
import type { Dimension, PartialShape, Signature, TensorSpec } from "../base/signature.ts";
import { CODE, detailOf, ServingError } from "../base/status.ts";
import { DEFAULT_ENGINE, findEngine, openEngine } from "../app/engines.ts";
import { availableCores } from "../system/available_cores.ts";
import { type Batching, readBatching } from "../config/batching_parameters.ts";
import { readCertificate } from "../config/certificate_files.ts";
import type { ExtensionReport } from "../engine/engine.ts";
import type { Config, ModelConfig } from "../config/config.ts";
import type { ModelsRead } from "../config/model_server_config.ts";
import { readModels, readModelsFile } from "../config/models_file.ts";
import { readMonitoringConfig } from "../config/monitoring_config.ts";
import type { SourceEvent, SourceVersion } from "../model/source/source.ts";
import { labelError } from "../core/version_labels.ts";
import type { LoadReport } from "../model/loading/load_options.ts";
import { dataTypeName } from "../service/data_type_name.ts";
import { openSource } from "../app/sources.ts";
import { loadVersion, type VersionLoaderParts } from "../app/version_loader.ts";

/** An input or output: TensorFlow's name of the dtype; sizes, where -1 means any and `[min, max]` a range; null for any rank. */
export interface TensorReport {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | readonly [number, number])[] | null;
}

/** A signature of a model. */
export interface SignatureReport {
  readonly inputs: readonly TensorReport[];
  readonly outputs: readonly TensorReport[];
}

/** A version that would serve, with the report of its load. */
export interface ServingVersion extends LoadReport {
  readonly serves: true;
  readonly version: number;
  readonly format: string;
  /** The file that OpenVINO opens, or a SavedModel's folder. */
  readonly path: string;
  readonly signatures: Readonly<Record<string, SignatureReport>>;
}

/** A version that would not serve. */
export interface FailedVersion {
  readonly serves: false;
  readonly version: number;
  readonly folder: string;
  /** The name of a gRPC code. */
  readonly code: string;
  readonly error: string;
}

/** The report on a version. */
export type VersionReport = ServingVersion | FailedVersion;

/** The report on a model: on the versions that its policy chooses, and on its configuration. */
export interface ModelReport {
  readonly name: string;
  readonly basePath: string;
  readonly versions: readonly VersionReport[];
  readonly problems: readonly string[];
  /** Oddities that do not prevent serving. */
  readonly notes: readonly string[];
}

/** The report on the engine. */
export interface EngineReport {
  readonly description: string;
  readonly path: string;
  readonly devices: readonly string[];
  readonly extensions: readonly ExtensionReport[];
  /** Processors that may be used, and what limits them: `machine`, `affinity` or `quota`. */
  readonly cores: number;
  readonly coresLimit: string;
}

/** The report on a configuration. */
export interface CheckReport {
  /** Whether everything would serve. */
  readonly serves: boolean;
  readonly engine: EngineReport;
  readonly models: readonly ModelReport[];
  /** Problems with the configuration of the server. */
  readonly problems: readonly string[];
  /** What is ignored. */
  readonly notes: readonly string[];
}

/** Receives parts of the report as soon as they are known. */
export interface CheckListener {
  onEngine?(engine: EngineReport): void;
  onModel?(model: ModelReport): void;
}

/**
 * Checks a configuration.
 *
 * @throws {Error} with the sentence to show if nothing can be checked: no runtime, an unreadable file of models.
 */
export async function checkConfig(config: Config, listener: CheckListener = {}): Promise<CheckReport> {
  const { models, notes } = await readModelsOf(config);
  const problems: string[] = [];
  const batching = await readServerFiles(config, problems);
  const spec = findEngine(DEFAULT_ENGINE, config);
  using engine = openEngine(spec);
  const cores = availableCores();
  const engineReport = {
    description: engine.description,
    path: spec.path,
    devices: engine.devices,
    extensions: engine.extensions,
    cores: cores.count,
    coresLimit: cores.limit,
  };
  listener.onEngine?.(engineReport);
  if (models.length === 0) problems.push("No model is listed");
  const reports: ModelReport[] = [];
  for (const model of models) {
    const report = await checkModel(model, { config, engine, otherThreads: 0, batching, quarantine: undefined });
    listener.onModel?.(report);
    reports.push(report);
  }
  return {
    serves: problems.length === 0 && reports.every(isServing),
    engine: engineReport,
    models: reports,
    problems,
    notes: [...config.notes, ...notes, ...notesOn(config)],
  };
}

function isServing({ versions, problems }: ModelReport): boolean {
  return problems.length === 0 && versions.length > 0 && versions.every(({ serves }) => serves);
}

async function readModelsOf({ models }: Config): Promise<ModelsRead> {
  if (models.kind === "list") return { models: models.models, notes: [] };
  return readModels(await readModelsFile(models.file), { file: models.file, before: [] });
}

/** Reads the other files that a server reads at its start. */
async function readServerFiles(
  { batching, grpc, observation: { monitoringPath } }: Config,
  problems: string[],
): Promise<Batching | undefined> {
  const attempt = async <T>(read: (() => Promise<T>) | undefined): Promise<T | undefined> => {
    try {
      return await read?.();
    } catch (error) {
      problems.push(detailOf(error));
      return undefined;
    }
  };
  // If both front ends use TLS, they share the certificate.
  const { certificate } = grpc;
  await attempt(certificate && (() => readCertificate(certificate)));
  await attempt(monitoringPath === undefined ? undefined : () => readMonitoringConfig(monitoringPath));
  return await attempt(batching && (() => readBatching(batching)));
}

function notesOn({ quarantineDir }: Config): string[] {
  if (quarantineDir === undefined) return [];
  return ["--quarantine_crashing_versions is ignored: a check loads versions in quarantine too"];
}

async function checkModel(model: ModelConfig, parts: VersionLoaderParts): Promise<ModelReport> {
  const { found, events } = await findVersions(model);
  const versions: VersionReport[] = [];
  for (const version of [...found.values()].sort((a, b) => a.version - b.version)) {
    versions.push(await checkVersion(model, { found: version, parts }));
  }
  const problems = events.filter(({ kind }) => kind !== "folder ignored").map(sentenceOn);
  if (found.size === 0 && problems.length === 0) problems.push(`Model ${model.name} has no version to serve`);
  const labels = [...model.versionLabels].filter(([, version]) =>
    !versions.some((v) => v.serves && v.version === version)
  );
  const unassigned = labels.map(([label, version]) => `${label}: ${labelError(model.name, version).message}`);
  const mayWait = parts.config.allowLabelsForUnavailable;
  return {
    name: model.name,
    basePath: model.basePath,
    versions,
    problems: [...problems, ...(mayWait ? [] : unassigned)],
    notes: [
      ...events.filter(({ kind }) => kind === "folder ignored").map(sentenceOn),
      ...(mayWait
        ? labels.map(([label, version]) => `${label} stands for version ${version}, which is not served`)
        : []),
    ],
  };
}

function sentenceOn({ kind, reason }: SourceEvent): string {
  return reason ?? kind;
}

/** Finds the versions that a server would find at its start. */
async function findVersions(
  model: ModelConfig,
): Promise<{ found: ReadonlyMap<number, SourceVersion>; events: readonly SourceEvent[] }> {
  let found: ReadonlyMap<number, SourceVersion> = new Map();
  const events: SourceEvent[] = [];
  await using source = openSource(0, {
    onAspired: (_, versions) => found = versions,
    // Loading a version reports whether its files are incomplete.
    onEvent: (event) => {
      if (event.kind !== "version incomplete") events.push(event);
    },
  });
  await source.setModels([model]);
  return { found, events };
}

async function checkVersion(
  model: ModelConfig,
  { found, parts }: { found: SourceVersion; parts: VersionLoaderParts },
): Promise<VersionReport> {
  const { version, origin: folder } = found;
  try {
    const { servable, report, files: { format, path } } = await loadVersion(model, found, parts);
    using _ = servable;
    const signatures = [...servable.signatures].map(([name, signature]) => [name, signatureReport(signature)] as const);
    return { serves: true, version, format, path, signatures: Object.fromEntries(signatures), ...report };
  } catch (thrown) {
    // The user of the command may see what clients must not.
    const { code, message } = thrown instanceof ServingError ? thrown : new ServingError(CODE.INTERNAL, String(thrown));
    return { serves: false, version, folder, code: codeName(code), error: message };
  }
}

function codeName(code: number): string {
  return Object.entries(CODE).find(([, value]) => value === code)?.[0] ?? String(code);
}

function signatureReport({ inputs, outputs }: Signature): SignatureReport {
  return { inputs: inputs.map(tensorReport), outputs: outputs.map(tensorReport) };
}

function tensorReport({ name, dtype, shape }: TensorSpec): TensorReport {
  return { name, dtype: dataTypeName(dtype), shape: sizesOf(shape) };
}

function sizesOf(shape: PartialShape): TensorReport["shape"] {
  if (shape === undefined) return null;
  return shape.map(({ min, max }: Dimension) => {
    if (min === max) return min;
    const isAny = min === 0 && max === Infinity;
    return isAny ? -1 : [min, max === Infinity ? -1 : max];
  });
}
