/**
 * Runs inference requests over the prediction service, for both of the protocol's encodings.
 *
 * @module
 */
import type { PredictRequest } from "../../service/messages.ts";
import type { PredictionService, Responder } from "../../service/prediction_service.ts";
import { classified } from "./classification.ts";
import { type InferRequest, modelError, modelSpecOf } from "./infer_request.ts";

const NO_FILTER: readonly string[] = Object.freeze([]);

/**
 * Infers and passes the reply to `responder`, whose result it returns: synchronously if the model is inferred on the event loop, as
 * a promise otherwise.
 *
 * @throws {ServingError} as `PredictionService.predict`; NOT_FOUND in Triton's words.
 */
export function infer<R>(
  prediction: PredictionService,
  request: InferRequest,
  responder: Responder<R>,
): R | Promise<R> {
  const { modelName: name, modelVersion: version } = request;
  try {
    // A model that is not there is reported at once, before anything is asynchronous.
    return prediction.predict(predictRequestOf(request), classifying(request, responder));
  } catch (error) {
    throw modelError(error, { name, version });
  }
}

function predictRequestOf({ modelName, modelVersion, signatureName, inputs, outputs }: InferRequest): PredictRequest {
  return {
    modelSpec: modelSpecOf(modelName, modelVersion, signatureName),
    inputs,
    outputFilter: outputs.length === 0 ? NO_FILTER : outputs.map(({ name }) => name),
  };
}

/** Has outputs replaced by their classes where the request asks for that. */
function classifying<R>({ outputs }: InferRequest, responder: Responder<R>): Responder<R> {
  if (outputs.length === 0 || !outputs.some(({ classCount }) => classCount > 0)) return responder;
  const counts = new Map(outputs.map(({ name, classCount }) => [name, classCount]));
  return {
    caller: responder.caller,
    respond: (response) =>
      responder.respond({
        ...response,
        outputs: response.outputs.map((output) => classified(output, counts.get(output.name) ?? 0)),
      }),
  };
}
