/**
 * The TensorFlow Serving API: PredictionService and ModelService over gRPC, and `/v1` over REST.
 *
 * @module
 */
import type { HealthService } from "../../service/readiness.ts";
import type { Api } from "../api.ts";
import type { EncodeOptions } from "./grpc/predict_codec.ts";
import { tensorFlowServingMethods } from "./methods.ts";
import { tensorFlowServingRoutes } from "./routes.ts";

/** In the names of the protos, and in those that TensorFlow Serving registers (model_servers/server.cc). */
const HEALTH_SERVICES: readonly HealthService[] = [
  { name: "PredictionService", needsModels: true },
  { name: "tensorflow.serving.PredictionService", needsModels: true },
  { name: "ModelService", needsModels: false },
  { name: "tensorflow.serving.ModelService", needsModels: false },
];

/** Makes the API; `encoding` is how Predict's gRPC replies are encoded. */
export function tensorFlowServingApi(encoding: EncodeOptions): Api {
  return {
    name: "tensorflow_serving",
    healthServices: HEALTH_SERVICES,
    methods: (services) => tensorFlowServingMethods(services, encoding),
    routes: tensorFlowServingRoutes,
  };
}
