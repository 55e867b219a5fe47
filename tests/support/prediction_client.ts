/**
 * A client of the TensorFlow Serving API on `@grpc/grpc-js`. It shares no code with the server: protobufjs encodes, Node's HTTP/2 sends.
 *
 * @module
 */
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";

const PROTOS = fileURLToPath(new URL("../../protos/", import.meta.url));

const definition = loadSync(
  ["tensorflow_serving/apis/prediction_service.proto", "tensorflow_serving/apis/model_service.proto"],
  { includeDirs: [PROTOS], keepCase: true, longs: String, enums: String, bytes: Buffer, defaults: true, oneofs: true },
);

/** A message as proto-loader represents it: fields by their names in the protos. */
export type Message = Record<string, unknown>;

/** Options of one call. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Calls the services of the TensorFlow Serving API. */
export class PredictionClient implements Disposable {
  readonly #client: grpc.Client;

  constructor(address: string, options: grpc.ClientOptions = {}) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
  }

  /** `PredictionService/Predict`. Rejects with grpc-js's error, which has `code` and `details`. */
  predict(request: Message, options?: CallOptions): Promise<Message> {
    return this.call("tensorflow.serving.PredictionService", "Predict", { request, ...options });
  }

  /** Any unary method of the two services. */
  call(service: string, method: string, { request, ...options }: CallOptions & { request: Message }): Promise<Message> {
    const methods = definition[service] as grpc.ServiceDefinition;
    const { path, requestSerialize, responseDeserialize } = methods[method] as grpc.MethodDefinition<Message, Message>;
    return this.callRaw(path, { message: requestSerialize(request), ...options }).then(responseDeserialize);
  }

  /** Sends any bytes to any path, to test how the server handles them. */
  callRaw(path: string, { message, ...options }: CallOptions & { message: Uint8Array }): Promise<Buffer> {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
    const deadline = options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
        message,
        metadata,
        deadline,
        (error, reply) => error === null ? resolve(reply as Buffer) : reject(error),
      );
      options.signal?.addEventListener("abort", () => call.cancel(), { once: true });
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** An f32 tensor as a TensorProto. */
export function floatTensor(values: readonly number[], shape: readonly number[] = [values.length]): Message {
  return {
    dtype: "DT_FLOAT",
    tensor_shape: { dim: shape.map((size) => ({ size: String(size) })) },
    tensor_content: Buffer.from(Float32Array.from(values).buffer),
  };
}
