/**
 * The REST API in memory: models of the fake engine behind the real service and the real routes.
 *
 * @module
 */
import { join } from "node:path";
import { type Loader, Manager } from "../../../../src/core/manager.ts";
import { FakeEngine, type FakeEngineOptions, type FakeModelFile } from "../../../../src/engine/testing/fake_engine.ts";
import { loadModel } from "../../../../src/model/loading/model_loader.ts";
import type { ModelServable } from "../../../../src/model/model_servable.ts";
import type { RestServices } from "../../../../src/apis/api.ts";
import { tensorFlowServingRoutes } from "../../../../src/apis/tensorflow_serving/routes.ts";
import type { RouteSet } from "../../../../src/rest/route.ts";
import { Router, type RouterOptions } from "../../../../src/rest/router.ts";
import { ModelService } from "../../../../src/service/model_service.ts";
import { PredictionService } from "../../../../src/service/prediction_service.ts";
import { Readiness } from "../../../../src/service/readiness.ts";
import { DEFAULT_REST } from "../../../support/config.ts";
import { MANAGER_OPTIONS } from "../../../../src/core/testing/manager_rig.ts";

/** A model to serve: its versions, one after the other from 1 on. */
export type RigModels = Readonly<Record<string, readonly FakeModelFile[]>>;

/** A reply as tests look at it. */
export interface SeenReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A running API. Disposing it frees the models. */
export class RestRig implements AsyncDisposable {
  readonly manager: Manager<ModelServable>;
  readonly engine: FakeEngine;
  readonly services: RestServices;
  /** What rereading the models file comes to. */
  refresh: () => Promise<boolean> = () => Promise.resolve(false);
  /** What was reported as a failure of the server. */
  readonly faults: string[] = [];
  readonly #folder = Deno.makeTempDirSync();

  private constructor(options: FakeEngineOptions) {
    this.engine = new FakeEngine(options);
    this.manager = new Manager({ ...MANAGER_OPTIONS, loadRetriesMax: 0 });
    this.services = {
      prediction: new PredictionService(this.manager),
      model: new ModelService(this.manager, {
        names: () => this.manager.names(),
        replace: () => Promise.resolve([]),
        refresh: () => this.refresh(),
        load: () => Promise.resolve(undefined),
        unload: () => Promise.resolve(),
      }),
      readiness: new Readiness({
        manager: this.manager,
        modelNames: () => this.manager.names(),
        services: [],
        isStrict: true,
      }),
      statistics: { statistics: () => [] },
      server: { name: "rig", version: "0" },
    };
  }

  /** Loads models. */
  static async start(models: RigModels, options: FakeEngineOptions = {}): Promise<RestRig> {
    const rig = new RestRig(options);
    for (const [name, versions] of Object.entries(models)) {
      rig.manager.aspire(name, new Map(versions.map((file, i) => [i + 1, rig.#loader(`${name}${i + 1}.json`, file)])));
    }
    await rig.manager.loaded();
    return rig;
  }

  /** The API with other options than the usual, and other APIs beside it. */
  handler(
    options: Partial<RouterOptions> = {},
    others: readonly RouteSet[] = [],
  ): (request: Request) => Promise<Response> {
    const router = new Router([tensorFlowServingRoutes(this.services), ...others], {
      ...DEFAULT_REST,
      connectionsMax: Infinity,
      bodyBytesMax: 1 << 30,
      onFault: (error, { path }) => this.faults.push(`${path}: ${error.cause}`),
      ...options,
    });
    // Requests of tests are those of clients on the same machine.
    return (request) => router.answer(request, "127.0.0.1:50000");
  }

  /** Sends a request to the API with the usual options. */
  async send(method: string, path: string, body?: BodyInit): Promise<SeenReply> {
    const init = body === undefined ? { method } : { method, body };
    return await seen(await this.handler()(new Request(`http://localhost${path}`, init)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  #loader(fileName: string, file: FakeModelFile): Loader<ModelServable> {
    const path = join(this.#folder, fileName);
    Deno.writeTextFileSync(path, JSON.stringify(file));
    return {
      fingerprint: fileName,
      load: async () => {
        const { servable } = await loadModel(this.engine, {
          files: {
            format: "onnx",
            path,
            mappingPath: undefined,
            warmupPath: undefined,
            batchingPath: undefined,
            bytes: 0,
          },
          shape: undefined,
          batchSize: undefined,
          device: "CPU",
          properties: new Map(),
          cacheDir: undefined,
          inferRequestCount: undefined,
          waitersMax: 16,
          batching: undefined,
          otherThreads: 0,
          checksIntegerRange: true,
          tags: ["serve"],
          inferencePrecision: undefined,
          warmUpIterations: 1,
          decodeWarmUp: () => ({ signatureName: "", inputs: [], outputFilter: [] }),
        });
        return servable;
      },
    };
  }
}

/** Reads a response to its end. */
export async function seen(response: Response): Promise<SeenReply> {
  return { status: response.status, headers: response.headers, text: await response.text() };
}
