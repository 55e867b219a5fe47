/**
 * One gRPC call on its own connection, by Deno's fetch. For tests that stop the server while calls are open: grpc-js, which uses Deno's
 * `node:http2`, may end the process then.
 *
 * @module
 */
import { joinParts } from "../../src/base/bytes.ts";
import { messagePrefix } from "../../src/grpc/message_reader.ts";
import { encodePredictRequest } from "../../src/apis/tensorflow_serving/grpc/predict_codec.ts";

const PATH = "/tensorflow.serving.PredictionService/Predict";

/** The outcome of a call. */
export interface FetchedCall {
  /** Whether there was a message. */
  readonly isAnswered: boolean;
  /** The gRPC status of a reply without a message. Undefined when it is in trailers, which fetch does not expose, or without a reply. */
  readonly status: number | undefined;
}

/** Requests 10 / 2 + 2 from a copy of `half_plus_two` that is served as `half`. */
export async function askHalfByFetch(address: string): Promise<FetchedCall> {
  using client = Deno.createHttpClient({ http1: false, http2: true });
  try {
    const response = await fetch(`http://${address}${PATH}`, {
      method: "POST",
      headers: { "content-type": "application/grpc" },
      body: new Uint8Array([...messagePrefix(HALF_REQUEST.length, false), ...HALF_REQUEST]),
      client,
    });
    const status = response.headers.get("grpc-status");
    return { isAnswered: (await response.bytes()).length > 0, status: status === null ? undefined : Number(status) };
  } catch {
    return { isAnswered: false, status: undefined };
  }
}

const HALF_REQUEST = joinParts(encodePredictRequest({
  modelSpec: { name: "half", signatureName: "" },
  inputs: [{ name: "x", tensor: { dtype: "f32", shape: [1], bytes: new Uint8Array(Float32Array.of(10).buffer) } }],
  outputFilter: [],
}, { asTensorContent: true }));
