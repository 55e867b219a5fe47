/**
 * The models of a configuration as the program has them: the manager that owns their versions, the catalog that says which there
 * are to be, how one is loaded for all threads, and what the log says of all that.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { detailOf } from "../base/status.ts";
import type { Batching } from "../config/batching_parameters.ts";
import type { Config, ModelConfig } from "../config/config.ts";
import type { ReadModels } from "../config/models_file_watch.ts";
import { Manager, type ManagerOptions, type ServableId, type ServableState } from "../core/manager.ts";
import type { Engine } from "../engine/engine.ts";
import type { VersionFiles } from "../model/source/file_system_source.ts";
import { type MissingModel, ModelCatalog } from "../model/model_catalog.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type { Quarantine } from "../model/gates/quarantine.ts";
import type { ServingThreads } from "../threads/serving_threads.ts";
import { loadVersion } from "./version_loader.ts";

/** Makes the manager of a configuration. */
export function newManager(
  { loading, shutdownGraceMs, allowLabelsForUnavailable }: Config,
  listeners: Pick<ManagerOptions, "onStateChange" | "onLabelsChange">,
): Manager<ModelServable> {
  return new Manager<ModelServable>({
    loadsMax: loading.loadsMax,
    loadRetriesMax: loading.retriesMax,
    loadRetryIntervalMs: loading.retryIntervalMs,
    disposeWaitMs: shutdownGraceMs,
    allowLabelsForUnavailable,
    ...listeners,
  });
}

/** Makes the catalog of a configuration, without models. */
export function newCatalog(
  config: Config,
  { engine, threads, manager, batching, quarantine, log }: {
    engine: Engine;
    threads: ServingThreads;
    manager: Manager<ModelServable>;
    batching: Batching | undefined;
    quarantine: Quarantine | undefined;
    log: Log;
  },
): ModelCatalog<ModelServable> {
  return new ModelCatalog({
    manager,
    pollIntervalMs: config.pollIntervalMs,
    allowLabelsForUnavailable: config.allowLabelsForUnavailable,
    onEvent: ({ kind, publicReason: _, ...fields }) => log.warning(kind, { ...fields }),
    load: async (model: ModelConfig, version: VersionFiles) => {
      const { servable, report, files } = await loadVersion(model, version, {
        config,
        engine,
        otherThreads: threads.count,
        batching,
        quarantine,
      });
      const { notes, ...measured } = report;
      const subject = { name: model.name, path: files.path };
      for (const note of notes) log.warning("model noted", { ...subject, note });
      log.info("model measured", { ...subject, ...measured });
      await publish(threads, { id: { name: model.name, version: version.version }, servable });
      return servable;
    },
  });
}

/** Has other threads serve a version too. One of which that fails is freed. */
async function publish(
  threads: ServingThreads,
  { id, servable }: { id: ServableId; servable: ModelServable },
): Promise<void> {
  try {
    await threads.publish(id, servable);
  } catch (error) {
    await servable[Symbol.asyncDispose]();
    throw error;
  }
}

/** Replaces the set of models by what was read, and logs what came of it. */
export async function applyModels(
  catalog: ModelCatalog<ModelServable>,
  { origin, read, log, leaving }: { origin: string; read: ReadModels; log: Log; leaving?: AbortSignal | undefined },
): Promise<readonly MissingModel[]> {
  let notes: readonly string[] = [];
  const missing = await catalog.replace((before) => {
    const { models, notes: told } = read(before);
    notes = told;
    return models;
  });
  // Nobody has said that models which were not waited for cannot be served.
  if (leaving?.aborted) return missing;
  for (const note of notes) log.warning("configuration ignored", { origin, note });
  for (const { name, version, error } of missing) {
    log.warning("model not served", { name, version, reason: error.detail });
  }
  return missing;
}

/** Logs that a configuration was refused: what was served before goes on. */
export function logRefusal(log: Log, origin: string, error: unknown): void {
  log.error("configuration refused", { origin, error: detailOf(error) });
}

/**
 * A server with nothing to serve has been told something wrong: it says so at the start, rather than to each client. Unless it
 * is to wait, as TensorFlow Serving does.
 *
 * @throws {Error} with that sentence.
 */
export function checkAnyAvailable(
  manager: Manager<ModelServable>,
  { config, missing, log }: { config: Config; missing: readonly MissingModel[]; log: Log },
): void {
  if (manager.names().some((name) => manager.states(name).some(({ state }) => state === "available"))) return;
  const [first] = missing;
  const reason = first === undefined ? "No model is listed" : sentenceOn(first);
  if (!config.waitsForModels) throw new Error(reason);
  log.warning("no model to serve yet", { reason });
}

function sentenceOn({ name, version, error }: MissingModel): string {
  return version === undefined
    ? `Cannot serve ${name}: ${error.detail}. Put the files of version 1 into the folder 1 there`
    : `Cannot load ${name} version ${version}: ${error.detail}`;
}

/** Logs a change of state. */
export function logState(log: Log, { id, state, error }: ServableState): void {
  const fields = { name: id.name, version: id.version, state };
  if (error === undefined) log.info("version changed state", fields);
  else log.error("version failed", { ...fields, error: error.detail, cause: error.cause && String(error.cause) });
}
