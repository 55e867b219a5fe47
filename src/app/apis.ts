/**
 * The APIs that a server speaks. An API is added here, and its codec in `codec_worker.ts`; nothing else names it.
 *
 * @module
 */
import type { Api } from "../apis/api.ts";
import { openInferenceApi } from "../apis/open_inference/api.ts";
import { sagemakerApi } from "../apis/sagemaker/api.ts";
import { tensorFlowServingApi } from "../apis/tensorflow_serving/api.ts";
import type { Config } from "../config/config.ts";

/** Returns the APIs of a configuration. */
export function configuredApis({ grpc, rest }: Pick<Config, "grpc" | "rest">): readonly Api[] {
  const sagemaker = rest?.sagemaker;
  return [
    tensorFlowServingApi({ asTensorContent: grpc.encodesAsTensorContent }),
    openInferenceApi(),
    ...(sagemaker === undefined ? [] : [sagemakerApi(sagemaker)]),
  ];
}
