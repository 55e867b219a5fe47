/**
 * The methods of the TensorFlow Serving API over gRPC: decode, ask the service, encode. One short function each.
 *
 * @module
 */
import type {
  GetModelStatusRequest,
  GetModelStatusResponse,
  PredictResponse,
  ReloadConfigRequest,
  ReloadConfigResponse,
} from "../../service/messages.ts";
import type { Answering, PredictionService } from "../../service/prediction_service.ts";
import type { StartGate } from "../../service/start_gate.ts";
import type { ServerCall, UnaryMethod } from "../../grpc/call.ts";
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

/** `ModelService`, whichever thread it is on. */
export interface ModelMethods {
  getModelStatus(
    request: GetModelStatusRequest,
    caller: Pick<ServerCall, "record">,
  ): GetModelStatusResponse | Promise<GetModelStatusResponse>;
  reloadConfig(request: ReloadConfigRequest): Promise<ReloadConfigResponse>;
}

/** Tells where a model stands, whatever state that is. */
const STATUS_PATH = "/tensorflow.serving.ModelService/GetModelStatus";

/** The methods this server answers; all others are UNIMPLEMENTED. */
export function grpcMethods(
  services: { prediction: PredictionService; model: ModelMethods },
  encoding: EncodeOptions,
): readonly UnaryMethod[] {
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
          encodeGetModelMetadataResponse(prediction.getModelMetadata(decodeGetModelMetadataRequest(message), call)),
        ]),
    },
    {
      path: STATUS_PATH,
      handle: async (message, call) => {
        const response = await model.getModelStatus(decodeGetModelStatusRequest(message), call);
        call.reply([encodeGetModelStatusResponse(response)]);
      },
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

/** The same methods, which wait until the server has started where they need its models. */
export function gatedMethods(methods: readonly UnaryMethod[], gate: StartGate): readonly UnaryMethod[] {
  return methods.map((method) => method.path === STATUS_PATH ? method : gated(method, gate));
}

function gated(method: UnaryMethod, gate: StartGate): UnaryMethod {
  const { handle } = method;
  return {
    ...method,
    // What waits is not decoded yet: decoded it may take more memory than was counted.
    handle: (message, call) =>
      gate.isOpen ? handle(message, call) : gate.wait(call, message.length).then(() => handle(message, call)),
  };
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
