/**
 * The TensorFlow Serving API: PredictionService and ModelService over gRPC, and `/v1` over REST.
 *
 * @module
 */
import type { Api } from "../api.ts";
import type { EncodeOptions } from "./grpc/predict_codec.ts";
import { tensorFlowServingMethods } from "./methods.ts";
import { tensorFlowServingRoutes } from "./routes.ts";

/** Makes the API; `encoding` is how Predict's gRPC replies are encoded. */
export function tensorFlowServingApi(encoding: EncodeOptions): Api {
  return {
    name: "tensorflow_serving",
    methods: (services) => tensorFlowServingMethods(services, encoding),
    routes: tensorFlowServingRoutes,
  };
}
