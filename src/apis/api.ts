/**
 * What an API is to the rest of the program: gRPC methods and REST routes over the same services, registered once for the main
 * thread and for serving threads alike.
 *
 * @module
 */
import type { Method } from "../grpc/call.ts";
import type { CodecThread } from "../rest/codec_thread.ts";
import type { RouteSet } from "../rest/route.ts";
import type { StatisticsSource } from "../service/inference_statistics.ts";
import type { ModelManagement, ModelService } from "../service/model_service.ts";
import type { PredictionService } from "../service/prediction_service.ts";
import type { HealthService, ReadinessSource } from "../service/readiness.ts";

/** What every thread can do. */
export interface ApiServices {
  readonly prediction: PredictionService;
  readonly model: ModelManagement;
  readonly readiness: ReadinessSource;
  readonly statistics: StatisticsSource;
  /** The program's name and version. */
  readonly server: { readonly name: string; readonly version: string };
}

/** What the main thread can do, which alone serves REST. */
export interface RestServices extends ApiServices {
  readonly model: ModelService;
  /** Decodes and encodes large bodies. Without it that happens on the event loop. */
  readonly codecThread?: CodecThread | undefined;
}

/** An API. */
export interface Api {
  /** The name of its folder. */
  readonly name: string;
  /** Its services by the names that health probes use. */
  readonly healthServices: readonly HealthService[];
  /** Makes its gRPC methods, streaming ones too; each thread has its own, over its own services. */
  methods(services: ApiServices): readonly Method[];
  /** Makes its REST routes; undefined if it has none. */
  routes(services: RestServices): RouteSet | undefined;
}
