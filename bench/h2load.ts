/**
 * Sends load with h2load (Debian package nghttp2-client): identical Predict calls over several connections, each timed.
 *
 * @module
 */
import { elementCount } from "../src/base/tensor.ts";
import { messagePrefix, PREFIX_BYTES } from "../src/grpc/message_reader.ts";
import { decodePredictResponse, encodePredictRequest } from "../src/apis/tensorflow_serving/grpc/predict_codec.ts";
import { PredictionClient } from "../tests/support/prediction_client.ts";

const PATH = "/tensorflow.serving.PredictionService/Predict";
const ANSWER_TIMEOUT_MS = 120_000;

/** The request, and how many are in flight: `streams` on each of `connections`. */
export interface Load {
  readonly modelName: string;
  /** Shape of the f32 input `x`. */
  readonly shape: readonly number[];
  readonly connections: number;
  readonly streams: number;
}

/** The amount of load: a number of calls, or seconds. */
export type Amount = { readonly calls: number } | { readonly seconds: number };

/** An answered call, in microseconds since 1970. */
export interface Call {
  readonly startUs: number;
  readonly endUs: number;
}

/** The outcome of a load. */
export interface Outcome {
  readonly calls: readonly Call[];
  readonly failed: number;
  readonly callsPerSecond: number;
}

/** The answer to a request. */
export interface Answer {
  /** Its bytes of DATA, by which {@link Request.send} recognises errors. */
  readonly bytes: number;
  /** The values of its outputs. */
  readonly values: Float32Array;
}

/** A load's request message, encoded once. */
export class Request {
  readonly #bytes: Uint8Array;

  constructor(readonly load: Load) {
    this.#bytes = encode(load);
  }

  /**
   * Sends the request once.
   *
   * @throws the server's error, or an error when an output is not a finite number.
   */
  async ask(port: number): Promise<Answer> {
    using client = new PredictionClient(`127.0.0.1:${port}`);
    const message = this.#bytes.subarray(PREFIX_BYTES);
    const reply = await client.callRaw(PATH, { message, timeoutMs: ANSWER_TIMEOUT_MS });
    const values = decodePredictResponse(reply).outputs.flatMap(({ name, tensor }) => {
      if (tensor.dtype !== "f32") throw new Error(`${name} of ${this.load.modelName} is ${tensor.dtype}`);
      // Copied, because the bytes may be unaligned in the message.
      return Array.from(new Float32Array(Uint8Array.from(tensor.bytes).buffer));
    });
    if (!values.every(Number.isFinite)) throw new Error(`${this.load.modelName} does not answer with numbers`);
    return { bytes: reply.length + PREFIX_BYTES, values: Float32Array.from(values) };
  }

  /** Sends load to a local port. An answer of another length than `replyBytes` counts as failed. */
  async send(port: number, amount: Amount, replyBytes: number): Promise<Outcome> {
    const folder = await Deno.makeTempDir();
    try {
      const body = `${folder}/body`;
      await Deno.writeFile(body, this.#bytes);
      const times = `${folder}/times`;
      const { connections, streams } = this.load;
      const much = "calls" in amount ? ["-n", `${amount.calls}`] : ["-D", `${amount.seconds}`];
      const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
      const bundles = [...much, "-c", `${connections}`, "-m", `${streams}`, "-t", "1"];
      const args = [...headers, ...bundles, "-d", body, "--log-file", times, `http://127.0.0.1:${port}${PATH}`];
      const { stdout } = await new Deno.Command("h2load", { args, stderr: "null" }).output();
      return outcomeOf(new TextDecoder().decode(stdout), await Deno.readTextFile(times), { amount, replyBytes });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}

/**
 * Parses h2load's summary and its log of times. h2load counts every status 200 as a success, including gRPC errors, but those carry no
 * DATA.
 */
export function outcomeOf(
  summary: string,
  times: string,
  { amount, replyBytes }: { amount: Amount; replyBytes: number },
): Outcome {
  const number = (pattern: RegExp) => Number(pattern.exec(summary)?.[1] ?? 0);
  const calls = times.trimEnd().split("\n").flatMap((line): Call[] => {
    const [start, status, micros] = line.split("\t").map(Number);
    if (start === undefined || status !== 200 || micros === undefined) return [];
    return [{ startUs: start, endUs: start + micros }];
  });
  const wanted = "calls" in amount ? amount.calls : number(/requests: \d+ total, \d+ started, (\d+) done/);
  const answered = Math.min(Math.floor(number(/\((\d+)\) data/) / replyBytes), number(/(\d+) succeeded/));
  return { calls, failed: wanted - answered, callsPerSecond: number(/finished in \S+, ([\d.]+) req\/s/) };
}

/** Returns reproducible pseudo-random numbers from 0 to 1; constant input could be faster than real data. */
function pixels(count: number): Float32Array<ArrayBuffer> {
  let state = 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

function encode({ modelName, shape }: Load): Uint8Array {
  const tensor = { dtype: "f32", shape, bytes: new Uint8Array(pixels(elementCount(shape)).buffer) } as const;
  const request = {
    modelSpec: { name: modelName, signatureName: "" },
    inputs: [{ name: "x", tensor }],
    outputFilter: [],
  };
  const parts = encodePredictRequest(request, { asTensorContent: true });
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const message = new Uint8Array(length + PREFIX_BYTES);
  message.set(messagePrefix(length, false));
  let at = PREFIX_BYTES;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}
