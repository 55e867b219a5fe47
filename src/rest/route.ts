/**
 * What a route of the REST API is, and what all of them are given.
 *
 * @module
 */
import type { OnFault } from "../base/observed_request.ts";
import type { ModelService } from "../service/model_service.ts";
import type { PredictionService } from "../service/prediction_service.ts";
import type { StartGate } from "../service/start_gate.ts";
import type { Call, CallObserver } from "./call.ts";
import type { PredictCodec } from "../apis/tensorflow_serving/rest/codec.ts";
import type { Reply } from "./http_reply.ts";
import type { Observed } from "./observation_routes.ts";

/** What the REST API answers with. */
export interface RestServices {
  readonly prediction: PredictionService;
  readonly model: ModelService;
  /** Where requests that need a model wait while the server starts; left out they never do. */
  readonly gate?: StartGate;
}

/** How the REST API behaves. */
export interface RestOptions {
  /** The names of all models, for the lists of them. */
  readonly modelNames: () => readonly string[];
  /** Reads the configuration anew and applies it; whether anything had changed. */
  readonly reloadConfig: () => Promise<boolean>;
  /** Told of failures that are not the client's: what the client only hears of as an internal error. */
  readonly onFault: OnFault;
  readonly observer?: CallObserver;
  /** What those who watch may ask for on the same port. */
  readonly observed?: Observed;
  /** Lets pages of any origin call (`--rest_api_enable_cors_support`). */
  readonly corsSupport?: boolean;
  /** How long a call may take from when its body is there, and the body before that (`--rest_api_timeout_in_ms`). */
  readonly timeoutMs?: number;
  /** The longest body, before and after it is unpacked. */
  readonly bodyBytesMax?: number;
  /** What the bodies of all requests may take of memory together. */
  readonly inflightBytesMax?: number;
  /** Connections, and requests that are answered at once: past it the answer is 503 (`--rest_max_connections`). */
  readonly connectionsMax?: number;
  /** How long a connection may be without a request; 0 for ever (`--rest_max_connection_idle_seconds`). */
  readonly idleTimeoutMs?: number;
  /** Answers `/ping` and `/invocations` as SageMaker wants them, with the model that is meant where none is named. */
  readonly sagemaker?: { readonly defaultModel: string };
}

/** What routes are told. */
export interface RouteOptions extends RestOptions {
  readonly codec: PredictCodec;
}

/** One kind of request that is answered. */
export interface Route {
  readonly method: "GET" | "POST";
  /** The reply; undefined when the path is another route's. Failures are thrown. */
  handle(call: Call): Reply | undefined | Promise<Reply>;
}
