/**
 * The protocol's gRPC methods, `inference.GRPCInferenceService`. Each decodes, calls a service and encodes.
 *
 * @module
 */
import { CODE } from "../../base/status.ts";
import type { MessageSink, Method, ServerCall, UnaryMethod } from "../../grpc/call.ts";
import type { PredictResponse } from "../../service/messages.ts";
import type { Caller, PredictionService, Responder } from "../../service/prediction_service.ts";
import type { ApiServices } from "../api.ts";
import { decodeInferRequest, findLargeTensor } from "./grpc/infer_codec.ts";
import { encodeInferResponse, encodeStreamError, encodeStreamInferResponse } from "./grpc/infer_reply_codec.ts";
import {
  decodeModelName,
  decodeRepositoryIndexRequest,
  decodeRepositoryModelRequest,
  encodeFlag,
  encodeModelConfig,
  encodeModelMetadata,
  encodeModelStatistics,
  encodeRepositoryIndex,
  encodeServerMetadata,
} from "./grpc/message_codec.ts";
import type { InferRequest } from "./infer_request.ts";
import { infer } from "./inference.ts";
import {
  checkRepositoryName,
  EXTENSIONS,
  isModelReady,
  modelMetadata,
  repositoryIndex,
  statisticsOf,
} from "./models.ts";

const SERVICE = "/inference.GRPCInferenceService";
const NO_FIELDS = new Uint8Array(0);

/** The methods, over the services of one thread. */
export function openInferenceMethods(services: ApiServices): readonly Method[] {
  const { prediction, model, readiness, server } = services;
  return [
    answered("ServerLive", () => encodeFlag(true)),
    answered("ServerReady", () => encodeFlag(readiness.isReady())),
    answered("ModelReady", (message) => encodeFlag(isModelReady(readiness, decodeModelName(message)))),
    answered("ServerMetadata", () => encodeServerMetadata({ ...server, extensions: EXTENSIONS })),
    gated(
      answered(
        "ModelMetadata",
        async (message, call) => encodeModelMetadata(await modelMetadata(services, decodeModelName(message), call)),
      ),
    ),
    gated(
      answered(
        "ModelConfig",
        async (message, call) => encodeModelConfig(await modelMetadata(services, decodeModelName(message), call)),
      ),
    ),
    {
      path: `${SERVICE}/ModelInfer`,
      waitsForGate: true,
      findAligned: findLargeTensor,
      handle: (message, call) => {
        const request = decodeInferRequest(message);
        return infer(prediction, request, new UnaryResponder(call, request));
      },
    },
    {
      path: `${SERVICE}/ModelStreamInfer`,
      waitsForGate: true,
      takesLargeMessages: true,
      open: (call) => new InferStream(prediction, call),
    },
    answered(
      "ModelStatistics",
      async (message) => encodeModelStatistics(await statisticsOf(services, decodeModelName(message))),
    ),
    answered("RepositoryIndex", async (message) => {
      const { repositoryName, isReady } = decodeRepositoryIndexRequest(message);
      checkRepositoryName(repositoryName);
      return encodeRepositoryIndex(repositoryIndex(await model.index(), { isReady }));
    }),
    changing(answered("RepositoryModelLoad", async (message) => {
      const { repositoryName, name, parameters } = decodeRepositoryModelRequest(message);
      checkRepositoryName(repositoryName);
      await model.load(name, parameters);
      return NO_FIELDS;
    })),
    changing(answered("RepositoryModelUnload", async (message) => {
      const { repositoryName, name } = decodeRepositoryModelRequest(message);
      checkRepositoryName(repositoryName);
      await model.unload(name);
      return NO_FIELDS;
    })),
  ];
}

/** A method that replies with one message that it returns. */
function answered(
  name: string,
  answer: (message: Uint8Array, call: ServerCall) => Uint8Array | Promise<Uint8Array>,
): UnaryMethod {
  return {
    path: `${SERVICE}/${name}`,
    handle: async (message, call) => call.reply([await answer(message, call)]),
  };
}

function gated(method: UnaryMethod): UnaryMethod {
  return { ...method, waitsForGate: true };
}

function changing(method: UnaryMethod): UnaryMethod {
  return { ...gated(method), changesConfiguration: true };
}

/** Replies to a ModelInfer call. */
class UnaryResponder implements Responder<void> {
  readonly caller: ServerCall;
  readonly #request: InferRequest;

  constructor(call: ServerCall, request: InferRequest) {
    this.caller = call;
    this.#request = request;
  }

  respond(response: PredictResponse): void {
    this.caller.reply(encodeInferResponse(response, this.#request.id));
  }
}

/** A ModelStreamInfer call: each request is answered before the next one is read, and an error ends no stream. */
class InferStream implements MessageSink {
  readonly #prediction: PredictionService;
  readonly #call: ServerCall;

  constructor(prediction: PredictionService, call: ServerCall) {
    this.#prediction = prediction;
    this.#call = call;
  }

  onMessage(message: Uint8Array): void | Promise<void> {
    // Bytes that are no request have no id to reply to, and end the call.
    const request = decodeInferRequest(message);
    const call = this.#call;
    const observed = call.observeMessage();
    const caller: Caller = {
      record: observed.record,
      get signal() {
        return call.signal;
      },
    };
    const fail = (thrown: unknown): void => {
      const error = call.errorOf(thrown);
      call.send(encodeStreamError(error.message, request.id));
      observed.end(error.code);
    };
    const respond = (response: PredictResponse): void => {
      call.send(encodeStreamInferResponse(response, request.id));
      observed.end(CODE.OK);
    };
    try {
      const result = infer(this.#prediction, request, { caller, respond });
      if (result instanceof Promise) return result.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  onEnd(): void {
    this.#call.finish();
  }
}
