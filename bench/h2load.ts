/**
 * Sends load with h2load (Debian package nghttp2-client): identical calls over several connections, each timed.
 *
 * @module
 */
import { elementCount } from "../src/base/tensor.ts";
import { PREFIX_BYTES } from "../src/grpc/message_reader.ts";
import { PredictionClient } from "../tests/support/prediction_client.ts";
import { type ApiName, APIS, type BenchApi, LENGTH_HEADER } from "./requests.ts";

const ANSWER_TIMEOUT_MS = 120_000;

/** The request, and how many are in flight: `streams` on each of `connections`. */
export interface Load {
  readonly modelName: string;
  /** Shape of the f32 input `x`. */
  readonly shape: readonly number[];
  readonly connections: number;
  readonly streams: number;
  /** default: `Predict`. */
  readonly api?: ApiName;
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

interface Reply {
  readonly bytes: number;
  readonly outputs: readonly Uint8Array[];
}

/** A load's request, encoded once. */
export class Request {
  readonly #api: BenchApi;
  readonly #encoded: ReturnType<BenchApi["encode"]>;

  constructor(readonly load: Load) {
    this.#api = APIS[load.api ?? "Predict"];
    this.#encoded = this.#api.encode(load, new Uint8Array(pixels(elementCount(load.shape)).buffer));
  }

  /**
   * Sends the request once.
   *
   * @throws the server's error, or an error when an output is not a finite number.
   */
  async ask(port: number): Promise<Answer> {
    const { bytes, outputs } = await (this.#api.isRest ? this.#askOverRest(port) : this.#askOverGrpc(port));
    // Copied, because the bytes may be unaligned in the message.
    const values = outputs.flatMap((output) => Array.from(new Float32Array(Uint8Array.from(output).buffer)));
    if (!values.every(Number.isFinite)) throw new Error(`${this.load.modelName} does not answer with numbers`);
    return { bytes, values: Float32Array.from(values) };
  }

  async #askOverGrpc(port: number): Promise<Reply> {
    using client = new PredictionClient(`127.0.0.1:${port}`);
    const { path, body } = this.#encoded;
    const message = body.subarray(PREFIX_BYTES);
    const reply = await client.callRaw(path, { message, timeoutMs: ANSWER_TIMEOUT_MS });
    return { bytes: reply.length + PREFIX_BYTES, outputs: this.#api.decode(reply, 0) };
  }

  async #askOverRest(port: number): Promise<Reply> {
    const { path, headers, body } = this.#encoded;
    const fields = headers.map((header) => header.split(": ") as [string, string]);
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers: fields, body });
    const reply = await response.bytes();
    if (!response.ok) throw new Error(new TextDecoder().decode(reply));
    return { bytes: reply.length, outputs: this.#api.decode(reply, Number(response.headers.get(LENGTH_HEADER))) };
  }

  /** Sends load to a local port. An answer of another length than `replyBytes` counts as failed. */
  async send(port: number, amount: Amount, replyBytes: number): Promise<Outcome> {
    const folder = await Deno.makeTempDir();
    try {
      const body = `${folder}/body`;
      await Deno.writeFile(body, this.#encoded.body);
      const times = `${folder}/times`;
      const { connections, streams } = this.load;
      const much = "calls" in amount ? ["-n", `${amount.calls}`] : ["-D", `${amount.seconds}`];
      const headers = this.#encoded.headers.flatMap((header) => ["-H", header]);
      // HTTP/1 has no streams: each of them is a connection.
      const bundles = this.#api.isRest
        ? ["--h1", "-c", `${connections * streams}`]
        : ["-c", `${connections}`, "-m", `${streams}`];
      const url = `http://127.0.0.1:${port}${this.#encoded.path}`;
      const args = [...headers, ...much, ...bundles, "-t", "1", "-d", body, "--log-file", times, url];
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
