/**
 * SageMaker's contract for containers: `/ping` and `/invocations`, over TensorFlow Serving's REST codec.
 *
 * @module
 */
import type { Api } from "../api.ts";
import { sagemakerRoutes } from "./routes.ts";

/** Makes the API; `defaultModel` answers requests that name no model. */
export function sagemakerApi({ defaultModel }: { readonly defaultModel: string }): Api {
  return {
    name: "sagemaker",
    healthServices: [],
    methods: () => [],
    routes: (services) => sagemakerRoutes(services, defaultModel),
  };
}
