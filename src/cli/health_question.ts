/**
 * One question to a server, over HTTP/2 written by hand: Deno 2.6's own client takes no certificate it cannot verify, and a server
 * on this machine shows one for the names its clients use.
 *
 * @module
 */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { FLAG, FRAME, FRAME_HEADER_BYTES, PREFACE, readUint24, readUint31, writeFrameHeader } from "../http2/frames.ts";
import { encodeHeaders } from "../http2/hpack_encoder.ts";

/** The one stream, the first a client may open. */
const STREAM_ID = 1;
/** A gRPC message without fields: no service named, so the server itself is meant. */
const EMPTY_MESSAGE = new Uint8Array(5);
/** `HealthCheckResponse { status: SERVING }` as a gRPC message. */
const SERVING_MESSAGE = new Uint8Array([0, 0, 0, 0, 2, 0x08, 1]);

/** Whom to ask, and how long to wait for the answer. */
export interface HealthQuestion {
  readonly hostname: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly timeoutMs: number;
}

/**
 * Asks `grpc.health.v1.Health/Check`.
 *
 * @throws {Error} in a sentence unless the server says that it is ready.
 */
export async function checkHealth(question: HealthQuestion): Promise<void> {
  const { hostname, port, isTls, timeoutMs } = question;
  const address = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const socket = isTls
    ? connectTls({ host: hostname, port, rejectUnauthorized: false, ALPNProtocols: ["h2"] })
    : connectTcp({ host: hostname, port });
  const clock = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => clock.reject(new Error(`The server at ${address} did not answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  try {
    const answer = await Promise.race([ask(socket, { address, isTls }), clock.promise]);
    if (answer.toString() !== SERVING_MESSAGE.toString()) throw new Error(`The server at ${address} is not ready`);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** The data of the answer: none when it is an error. */
function ask(socket: Socket, { address, isTls }: { address: string; isTls: boolean }): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  socket.on(isTls ? "secureConnect" : "connect", () => socket.write(questionTo(address, isTls)));
  socket.on("error", (error: Error) => {
    reject(new Error(`No server answers at ${address}: ${error.message}`, { cause: error }));
  });
  socket.on("close", () => reject(new Error(`The server at ${address} hung up without an answer`)));
  let bytes = new Uint8Array();
  const data: number[] = [];
  socket.on("data", (part: Uint8Array) => {
    bytes = new Uint8Array([...bytes, ...part]);
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + readUint24(bytes, 0);
      if (bytes.length < end) break;
      const [type, flags] = [bytes[3], bytes[4] ?? 0];
      if (type === FRAME.DATA) data.push(...bytes.subarray(FRAME_HEADER_BYTES, end));
      const isOfAnswer = readUint31(bytes, 5) === STREAM_ID && (type === FRAME.DATA || type === FRAME.HEADERS);
      if (type === FRAME.RST_STREAM || (isOfAnswer && (flags & FLAG.END_STREAM) !== 0)) resolve(new Uint8Array(data));
      bytes = bytes.slice(end);
    }
  });
  return promise;
}

function questionTo(address: string, isTls: boolean): Uint8Array {
  const headers = encodeHeaders([
    { name: ":method", value: "POST" },
    { name: ":scheme", value: isTls ? "https" : "http" },
    { name: ":authority", value: address },
    { name: ":path", value: "/grpc.health.v1.Health/Check" },
    { name: "content-type", value: "application/grpc" },
    { name: "te", value: "trailers" },
  ]);
  return new Uint8Array([
    ...PREFACE,
    ...frame(FRAME.SETTINGS, { payload: new Uint8Array(), flags: 0, streamId: 0 }),
    ...frame(FRAME.HEADERS, { payload: headers, flags: FLAG.END_HEADERS, streamId: STREAM_ID }),
    ...frame(FRAME.DATA, { payload: EMPTY_MESSAGE, flags: FLAG.END_STREAM, streamId: STREAM_ID }),
  ]);
}

function frame(
  type: number,
  { payload, flags, streamId }: { payload: Uint8Array; flags: number; streamId: number },
): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, { length: payload.length, type, flags, streamId });
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}
