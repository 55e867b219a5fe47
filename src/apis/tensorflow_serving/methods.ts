/**
 * The gRPC methods of the TensorFlow Serving API. Each decodes, calls a service and encodes.
 *
 * @module
 */
import type { Method, ServerCall } from "../../grpc/call.ts";
import type { PredictResponse } from "../../service/messages.ts";
import type { Responder } from "../../service/prediction_service.ts";
import type { ApiServices } from "../api.ts";
import {
  decodeClassificationRequest,
  decodeMultiInferenceRequest,
  decodeRegressionRequest,
  encodeClassificationResponse,
  encodeMultiInferenceResponse,
  encodeRegressionResponse,
} from "./grpc/example_codec.ts";
import {
  decodeGetModelMetadataRequest,
  decodeGetModelStatusRequest,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusResponse,
} from "./grpc/model_codec.ts";
import {
  decodePredictRequest,
  type EncodeOptions,
  encodePredictResponse,
  findLargeTensor,
} from "./grpc/predict_codec.ts";
import { decodeReloadConfigRequest, encodeReloadConfigResponse } from "./grpc/reload_codec.ts";

/** The methods, over the services of one thread. */
export function tensorFlowServingMethods(services: ApiServices, encoding: EncodeOptions): readonly Method[] {
  const { prediction, model } = services;
  return [
    {
      path: "/tensorflow.serving.PredictionService/Predict",
      waitsForGate: true,
      findAligned: findLargeTensor,
      handle: (message, call) =>
        prediction.predict(decodePredictRequest(message), new PredictResponder(call, encoding)),
    },
    {
      path: "/tensorflow.serving.PredictionService/Classify",
      waitsForGate: true,
      handle: async (message, call) => {
        const response = await prediction.classify(decodeClassificationRequest(message), { caller: call });
        call.reply([encodeClassificationResponse(response)]);
      },
    },
    {
      path: "/tensorflow.serving.PredictionService/Regress",
      waitsForGate: true,
      handle: async (message, call) => {
        const response = await prediction.regress(decodeRegressionRequest(message), { caller: call });
        call.reply([encodeRegressionResponse(response)]);
      },
    },
    {
      path: "/tensorflow.serving.PredictionService/MultiInference",
      waitsForGate: true,
      handle: async (message, call) => {
        const response = await prediction.multiInference(decodeMultiInferenceRequest(message), { caller: call });
        call.reply([encodeMultiInferenceResponse(response)]);
      },
    },
    {
      path: "/tensorflow.serving.PredictionService/GetModelMetadata",
      waitsForGate: true,
      handle: (message, call) =>
        call.reply([
          encodeGetModelMetadataResponse(prediction.getModelMetadata(decodeGetModelMetadataRequest(message), call)),
        ]),
    },
    {
      path: "/tensorflow.serving.ModelService/GetModelStatus",
      handle: async (message, call) => {
        const response = await model.getModelStatus(decodeGetModelStatusRequest(message), call);
        call.reply([encodeGetModelStatusResponse(response)]);
      },
    },
    {
      path: "/tensorflow.serving.ModelService/HandleReloadConfigRequest",
      waitsForGate: true,
      changesConfiguration: true,
      handle: async (message, call) => {
        const response = await model.reloadConfig(decodeReloadConfigRequest(message));
        call.reply([encodeReloadConfigResponse(response)]);
      },
    },
  ];
}

/** Encodes the reply to a call of Predict. */
class PredictResponder implements Responder<void> {
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
