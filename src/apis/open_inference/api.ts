/**
 * The Open Inference Protocol (KServe v2) with extensions of Triton: `inference.GRPCInferenceService` over gRPC, and `/v2` over REST.
 *
 * @module
 */
import type { HealthService } from "../../service/readiness.ts";
import type { Api } from "../api.ts";
import { openInferenceMethods } from "./methods.ts";
import { openInferenceRoutes } from "./routes.ts";

/** Its service by the name that health probes use. */
const HEALTH_SERVICES: readonly HealthService[] = [{ name: "inference.GRPCInferenceService", needsModels: true }];

/** Makes the API. */
export function openInferenceApi(): Api {
  return {
    name: "open_inference",
    healthServices: HEALTH_SERVICES,
    methods: openInferenceMethods,
    routes: openInferenceRoutes,
  };
}
