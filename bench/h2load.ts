/**
 * Load from h2load (Debian's nghttp2-client): many identical Predict calls over some connections, each timed.
 *
 * @module
 */
import { elementCount } from "../src/base/tensor.ts";
import { messagePrefix } from "../src/grpc/message_reader.ts";
import { encodePredictRequest } from "../src/grpc/predict_codec.ts";

/** What is sent, and in what bundles. */
export interface Load {
  readonly modelName: string;
  /** Of the input `x`, f32. */
  readonly shape: readonly number[];
  readonly connections: number;
  readonly streams: number;
  readonly calls: number;
}

/** What came of it. Times in microseconds. */
export interface Outcome {
  readonly callsPerSecond: number;
  readonly failed: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** Sends a load to a port of this machine. */
export async function send(load: Load, port: number): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    const body = `${folder}/body`;
    await Deno.writeFile(body, requestOf(load));
    const times = `${folder}/times`;
    const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
    const bundles = ["-n", `${load.calls}`, "-c", `${load.connections}`, "-m", `${load.streams}`, "-t", "1"];
    const url = `http://127.0.0.1:${port}/tensorflow.serving.PredictionService/Predict`;
    const args = [...headers, ...bundles, "-d", body, "--log-file", times, url];
    const { stdout } = await new Deno.Command("h2load", { args, stderr: "null" }).output();
    const report = new TextDecoder().decode(stdout);
    const micros = (await Deno.readTextFile(times)).trimEnd().split("\n").map((line) => Number(line.split("\t")[2]));
    micros.sort((a, b) => a - b);
    const succeeded = Number(/(\d+) succeeded/.exec(report)?.[1] ?? 0);
    return {
      callsPerSecond: Number(/finished in \S+, ([\d.]+) req\/s/.exec(report)?.[1] ?? 0),
      failed: load.calls - succeeded,
      mean: micros.reduce((sum, time) => sum + time, 0) / micros.length,
      p50: micros[Math.floor(micros.length / 2)] ?? NaN,
      p99: micros[Math.floor(micros.length * 0.99)] ?? NaN,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function requestOf({ modelName, shape }: Load): Uint8Array {
  const ones = new Float32Array(elementCount(shape)).fill(1);
  const tensor = { dtype: "f32", shape, bytes: new Uint8Array(ones.buffer) } as const;
  const request = {
    modelSpec: { name: modelName, signatureName: "" },
    inputs: [{ name: "x", tensor }],
    outputFilter: [],
  };
  const parts = encodePredictRequest(request, { asTensorContent: true });
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const message = new Uint8Array(length + 5);
  message.set(messagePrefix(length, false));
  let at = 5;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}
