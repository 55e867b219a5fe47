/**
 * A gRPC server whose one method does nothing, of ours or of grpc-js: what the transport alone costs.
 *
 *     empty_server.ts ours|grpc-js PORT
 *
 * @module
 */
import * as grpc from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { GrpcServer } from "../src/grpc/server.ts";
import { HTTP2_LIMITS } from "../src/http2/limits.ts";

const PATH = "/tensorflow.serving.PredictionService/Predict";
const NOTHING = new Uint8Array(0);
const [kind, port] = Deno.args;

if (kind === "ours") {
  const server = new GrpcServer([{ path: PATH, handle: (_, call) => call.reply([NOTHING]) }], {
    http2: HTTP2_LIMITS,
    connectionsMax: 1000,
    messageBytesMax: 1 << 20,
    inflightBytesMax: 1 << 30,
    onFault: () => {},
  });
  server.listen({ hostname: "127.0.0.1", port: Number(port) });
  server.accept();
} else {
  const server = new grpc.Server();
  const bytes = (message: Buffer) => message;
  const method = {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService({ Predict: method }, {
    Predict: (_call: unknown, reply: grpc.sendUnaryData<Buffer>) => reply(null, Buffer.alloc(0)),
  });
  server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), () => {});
}
