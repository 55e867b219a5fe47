/**
 * Load from h2load (Debian's nghttp2-client): many identical calls over a few connections, counted.
 *
 * @module
 */
import {
  encodePredictRequest,
  type OutgoingPredictRequest,
} from "../../src/apis/tensorflow_serving/grpc/predict_codec.ts";
import { messagePrefix } from "../../src/grpc/message_reader.ts";

/** The outcome of a load. */
export interface LoadOutcome {
  /** Calls that ended with an HTTP status of 200. */
  readonly succeeded: number;
  /** Payload of all replies: shows whether they were answers or only statuses. */
  readonly dataBytes: number;
}

/** How many calls to send, and how. */
export interface LoadOptions {
  readonly address: string;
  readonly calls: number;
  readonly connections: number;
  readonly streams: number;
}

/** Sends the same Predict request over and over with the `h2load` at a path. */
export async function loadPredict(
  h2load: string,
  request: OutgoingPredictRequest,
  { address, calls, connections, streams }: LoadOptions,
): Promise<LoadOutcome> {
  const parts = encodePredictRequest(request, { asTensorContent: true }).map((part) => part.slice());
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const body = await Deno.makeTempFile({ suffix: ".grpc" });
  try {
    await Deno.writeFile(body, new Blob([messagePrefix(length, false).slice(), ...parts]).stream());
    const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
    const bundles = ["-n", String(calls), "-c", String(connections), "-m", String(streams), "-t", "1"];
    const url = `http://${address}/tensorflow.serving.PredictionService/Predict`;
    const { stdout } = await new Deno.Command(h2load, { args: [...headers, ...bundles, "-d", body, url] }).output();
    const text = new TextDecoder().decode(stdout);
    return {
      succeeded: Number(/(\d+) succeeded/.exec(text)?.[1] ?? 0),
      dataBytes: Number(/\((\d+)\) data/.exec(text)?.[1] ?? 0),
    };
  } finally {
    await Deno.remove(body);
  }
}
