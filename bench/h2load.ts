/**
 * Load from h2load (Debian's nghttp2-client): many identical Predict calls over some connections, each timed.
 *
 * @module
 */
import { elementCount } from "../src/base/tensor.ts";
import { messagePrefix, PREFIX_BYTES } from "../src/grpc/message_reader.ts";
import { decodePredictResponse, encodePredictRequest } from "../src/apis/tensorflow_serving/grpc/predict_codec.ts";
import { PredictionClient } from "../tests/support/prediction_client.ts";

const PATH = "/tensorflow.serving.PredictionService/Predict";
const ANSWER_TIMEOUT_MS = 120_000;

/** What is sent, and how many are in flight: on each connection as many as it has streams. */
export interface Load {
  readonly modelName: string;
  /** Of the input `x`, f32. */
  readonly shape: readonly number[];
  readonly connections: number;
  readonly streams: number;
}

/** How much of it: so many calls, or so many seconds. */
export type Amount = { readonly calls: number } | { readonly seconds: number };

/** A call that was answered, times in microseconds since 1970. */
export interface Call {
  readonly startUs: number;
  readonly endUs: number;
}

/** What came of a load. */
export interface Outcome {
  readonly calls: readonly Call[];
  readonly failed: number;
  readonly callsPerSecond: number;
}

/** The answer to a request. */
export interface Answer {
  /** How many bytes of DATA it takes, by which {@link Request.send} tells answers from errors. */
  readonly bytes: number;
  /** The numbers of its outputs. */
  readonly values: Float32Array;
}

/** The message of a load, encoded once. */
export class Request {
  readonly #bytes: Uint8Array;

  constructor(readonly load: Load) {
    this.#bytes = encode(load);
  }

  /**
   * Asks once.
   *
   * @throws what the server answered in place of an answer, or that an output is not a number.
   */
  async ask(port: number): Promise<Answer> {
    using client = new PredictionClient(`127.0.0.1:${port}`);
    const message = this.#bytes.subarray(PREFIX_BYTES);
    const reply = await client.callRaw(PATH, { message, timeoutMs: ANSWER_TIMEOUT_MS });
    const values = decodePredictResponse(reply).outputs.flatMap(({ name, tensor }) => {
      if (tensor.dtype !== "f32") throw new Error(`${name} of ${this.load.modelName} is ${tensor.dtype}`);
      // Copied, since nothing says where in a message numbers lie.
      return Array.from(new Float32Array(Uint8Array.from(tensor.bytes).buffer));
    });
    if (!values.every(Number.isFinite)) throw new Error(`${this.load.modelName} does not answer with numbers`);
    return { bytes: reply.length + PREFIX_BYTES, values: Float32Array.from(values) };
  }

  /** Sends it to a port of this machine. An answer of another length than `replyBytes` counts as failed. */
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
 * Reads h2load's summary and its file of times. To h2load whatever has status 200 has succeeded, and so have gRPC's errors, but
 * those have no DATA.
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

/** Numbers in 0 to 1 without a pattern, the same each time: a picture of ones would be an easy one. */
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
