/**
 * The REST API over OpenVINO, in memory: the models of the contract behind the real service and the real routes.
 *
 * @module
 */
import { type Loader, Manager } from "../../src/core/manager.ts";
import { findRuntime } from "../../src/engine/openvino_ffi/discovery.ts";
import { FfiEngine } from "../../src/engine/openvino_ffi/engine.ts";
import { findModelFiles } from "../../src/model/model_files.ts";
import { loadModel } from "../../src/model/model_loader.ts";
import type { ModelServable } from "../../src/model/model_servable.ts";
import { inLoopCodec } from "../../src/rest/codec.ts";
import { restHandler } from "../../src/rest/handlers.ts";
import { ModelService } from "../../src/service/model_service.ts";
import { PredictionService } from "../../src/service/prediction_service.ts";
import type { ContractModels } from "./models.ts";
import type { Send } from "./rest_front_end.ts";

/** A running API. Disposing it frees the models. */
export interface RestApi extends AsyncDisposable {
  readonly send: Send;
}

/** Loads all versions of the models; the first of `half_plus_two` is `stable`. */
export async function startRestApi({ folders }: ContractModels): Promise<RestApi> {
  await using resources = new AsyncDisposableStack();
  const engine = resources.use(new FfiEngine(findRuntime().path));
  const manager = resources.use(new Manager<ModelServable>({ loadRetriesMax: 0 }));
  for (const [name, folder] of folders) {
    const versions = await Array.fromAsync(Deno.readDir(folder), (entry) => Number(entry.name));
    manager.aspire(name, new Map(versions.map((version) => [version, newLoader(engine, `${folder}/${version}`)])));
  }
  await manager.loaded();
  manager.setLabels("half_plus_two", new Map([["stable", 1]]));
  const handle = restHandler({
    prediction: new PredictionService(manager),
    model: new ModelService(manager, () => Promise.resolve([])),
  }, {
    codec: inLoopCodec,
    modelNames: () => manager.names(),
    reloadConfig: () => Promise.resolve(false),
    onFault: (error) => {
      throw error;
    },
  });
  const owned = resources.move();
  return {
    send: async (method, path, body) => {
      const init = body === undefined ? { method } : { method, body };
      const response = await handle(new Request(`http://localhost${path}`, init));
      return { status: response.status, text: await response.text() };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function newLoader(engine: FfiEngine, folder: string): Loader<ModelServable> {
  return {
    fingerprint: folder,
    load: async () => {
      const { servable } = await loadModel(engine, {
        files: await findModelFiles(folder),
        shape: undefined,
        batchSize: undefined,
        device: "CPU",
        properties: new Map(),
        cacheDir: undefined,
        inferRequestCount: 1,
        waitersMax: 16,
        decodeWarmUp: () => ({ signatureName: "", inputs: [], outputFilter: [] }),
      });
      return servable;
    },
  };
}
