/**
 * The methods of the TensorFlow Serving API over gRPC: decode, ask the service, encode. One short function each.
 *
 * @module
 */
import type { ModelService } from "../service/model_service.ts";
import type { Answering, PredictionService } from "../service/prediction_service.ts";
import type { PredictResponse } from "../service/messages.ts";
import type { Method, ServerCall } from "./call.ts";
import {
  decodeClassificationRequest,
  decodeMultiInferenceRequest,
  decodeRegressionRequest,
  encodeClassificationResponse,
  encodeMultiInferenceResponse,
  encodeRegressionResponse,
} from "./example_codec.ts";
import {
  decodeGetModelMetadataRequest,
  decodeGetModelStatusRequest,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusResponse,
} from "./model_codec.ts";
import { decodePredictRequest, type EncodeOptions, encodePredictResponse, findLargeTensor } from "./predict_codec.ts";
import { decodeReloadConfigRequest, encodeReloadConfigResponse } from "./reload_codec.ts";

/** The methods this server answers; all others are UNIMPLEMENTED. */
export function grpcMethods(
  services: { prediction: PredictionService; model: ModelService },
  encoding: EncodeOptions,
): readonly Method[] {
  const { prediction, model } = services;
  return [
    {
      path: "/tensorflow.serving.PredictionService/Predict",
      findAligned: findLargeTensor,
      handle: (message, call) =>
        prediction.predict(decodePredictRequest(message), new PredictAnswering(call, encoding)),
    },
    {
      path: "/tensorflow.serving.PredictionService/Classify",
      handle: async (message, call) => {
        const response = await prediction.classify(decodeClassificationRequest(message), { caller: call });
        call.reply([encodeClassificationResponse(response)]);
      },
    },
    {
      path: "/tensorflow.serving.PredictionService/Regress",
      handle: async (message, call) => {
        const response = await prediction.regress(decodeRegressionRequest(message), { caller: call });
        call.reply([encodeRegressionResponse(response)]);
      },
    },
    {
      path: "/tensorflow.serving.PredictionService/MultiInference",
      handle: async (message, call) => {
        const response = await prediction.multiInference(decodeMultiInferenceRequest(message), { caller: call });
        call.reply([encodeMultiInferenceResponse(response)]);
      },
    },
    {
      path: "/tensorflow.serving.PredictionService/GetModelMetadata",
      handle: (message, call) =>
        call.reply([
          encodeGetModelMetadataResponse(prediction.getModelMetadata(decodeGetModelMetadataRequest(message))),
        ]),
    },
    {
      path: "/tensorflow.serving.ModelService/GetModelStatus",
      handle: (message, call) =>
        call.reply([encodeGetModelStatusResponse(model.getModelStatus(decodeGetModelStatusRequest(message)))]),
    },
    {
      path: "/tensorflow.serving.ModelService/HandleReloadConfigRequest",
      handle: async (message, call) => {
        const response = await model.reloadConfig(decodeReloadConfigRequest(message));
        call.reply([encodeReloadConfigResponse(response)]);
      },
    },
  ];
}

/** Replies to a call of Predict. */
class PredictAnswering implements Answering<void> {
  readonly caller: ServerCall;
  readonly #encoding: EncodeOptions;

  constructor(call: ServerCall, encoding: EncodeOptions) {
    this.caller = call;
    this.#encoding = encoding;
  }

  respond(response: PredictResponse): void {
    this.caller.reply(encodePredictResponse(response, this.#encoding));
  }
}
