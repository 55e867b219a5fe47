/**
 * One call on a connection of its own, by Deno's fetch: for tests in which the server goes away while calls are open, where grpc-js, which
 * is on Deno's HTTP/2 of Node's, may end the process.
 *
 * @module
 */
import { joinParts } from "../../src/base/bytes.ts";
import { messagePrefix } from "../../src/grpc/message_reader.ts";
import { encodePredictRequest } from "../../src/apis/tensorflow_serving/grpc/predict_codec.ts";

const PATH = "/tensorflow.serving.PredictionService/Predict";

/** What came of a call. */
export interface FetchedCall {
  /** Whether there was a message. */
  readonly isAnswered: boolean;
  /** gRPC's status where there was none; undefined where it is in trailers, which fetch does not tell, or there was no reply. */
  readonly status: number | undefined;
}

/** Asks a copy of `half_plus_two` that is served as `half` for 10 / 2 + 2. */
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
