/**
 * A unary gRPC call over a minimal HTTP/2 client. grpc-js does not work as a client on Deno 2.6, and Deno's own client rejects
 * certificates that it cannot verify, such as that of a local server, which is issued for the names that its clients use.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { CODE, ServingError } from "../base/status.ts";
import {
  FLAG,
  FRAME,
  FRAME_BYTES_DEFAULT,
  FRAME_HEADER_BYTES,
  HEADER_TABLE_BYTES_DEFAULT,
  PREFACE,
  readUint24,
  readUint31,
  readUint32,
  SETTING,
  WINDOW_BYTES_DEFAULT,
  WINDOW_BYTES_MAX,
  writeFrameHeader,
  writeUint32,
} from "../http2/frames.ts";
import { HpackDecoder } from "../http2/hpack/decoder.ts";
import { encodeHeaders } from "../http2/hpack/encoder.ts";

/** The only stream, the first that a client may open. */
const STREAM_ID = 1;
/** Bytes before a gRPC message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;
const SETTING_BYTES = 6;
/** Limits of headers and trailers. */
const HEADER_BYTES_MAX = 1 << 20;
const HEADER_FIELDS_MAX = 1000;
/** gRPC's largest message. */
const REPLY_BYTES_MAX = 2 ** 31 - 1;

/** The server to call, and how long to wait for its reply. */
export interface Peer {
  readonly hostname: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly timeoutMs: number;
}

/** Returns a peer's address, for messages. */
export function addressOf({ hostname, port }: Peer): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/**
 * Calls a unary method.
 *
 * @param request.path the method: `/package.Service/Method`.
 * @returns the reply, owned by the caller.
 * @throws {ServingError} the status that the server replies with.
 * @throws {Error} with a sentence if there is no reply.
 */
export async function askUnary(peer: Peer, request: { path: string; message: Uint8Array }): Promise<Uint8Array> {
  const { hostname, port, isTls, timeoutMs } = peer;
  const socket = isTls
    ? connectTls({ host: hostname, port, rejectUnauthorized: false, ALPNProtocols: ["h2"] })
    : connectTcp({ host: hostname, port });
  const call = new UnaryCall(socket, { ...request, authority: addressOf(peer), isTls });
  const timer = setTimeout(
    () => call.fail(new Error(`The server at ${addressOf(peer)} did not answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  try {
    return await call.answer;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** A call on a connection of its own. */
class UnaryCall {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #answer = Promise.withResolvers<Uint8Array>();
  /** The rest of the request. */
  #unsent: Uint8Array;
  #hasEnded = false;
  #connectionWindow = WINDOW_BYTES_DEFAULT;
  #streamWindow = WINDOW_BYTES_DEFAULT;
  #initialWindow = WINDOW_BYTES_DEFAULT;
  /** Bytes of an incomplete frame. */
  #rest: Uint8Array = new Uint8Array();
  #isFirstFrame = true;
  readonly #hpack = new HpackDecoder({
    tableBytesMax: HEADER_TABLE_BYTES_DEFAULT,
    listBytesMax: HEADER_BYTES_MAX,
    fieldsMax: HEADER_FIELDS_MAX,
  });
  #block: Uint8Array = new Uint8Array();
  #endsWithBlock = false;
  readonly #fields = new Map<string, string>();
  readonly #data: Uint8Array[] = [];
  #dataBytes = 0;

  constructor(
    socket: Socket,
    request: { path: string; message: Uint8Array; authority: string; isTls: boolean },
  ) {
    this.#socket = socket;
    this.#address = request.authority;
    const prefix = new Uint8Array(PREFIX_BYTES);
    writeUint32(prefix, 1, { value: request.message.length });
    this.#unsent = Buffer.concat([prefix, request.message]);
    socket.on(request.isTls ? "secureConnect" : "connect", () => this.#begin(request));
    socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    socket.on("error", (error: Error) => {
      this.fail(new Error(`No server answers at ${this.#address}: ${error.message}`, { cause: error }));
    });
    socket.on(
      "close",
      () => this.fail(new Error(`The server at ${this.#address} closed the connection without a reply`)),
    );
  }

  /** The reply. */
  get answer(): Promise<Uint8Array> {
    return this.#answer.promise;
  }

  /** Fails the call, unless it is over. */
  fail(error: Error): void {
    this.#answer.reject(error);
  }

  #begin({ path, authority, isTls }: { path: string; authority: string; isTls: boolean }): void {
    const settings = new Uint8Array(SETTING_BYTES);
    settings[1] = SETTING.INITIAL_WINDOW_SIZE;
    writeUint32(settings, 2, { value: WINDOW_BYTES_MAX });
    const window = new Uint8Array(4);
    writeUint32(window, 0, { value: WINDOW_BYTES_MAX - WINDOW_BYTES_DEFAULT });
    const headers = encodeHeaders([
      { name: ":method", value: "POST" },
      { name: ":scheme", value: isTls ? "https" : "http" },
      { name: ":authority", value: authority },
      { name: ":path", value: path },
      { name: "content-type", value: "application/grpc" },
      { name: "te", value: "trailers" },
    ]);
    this.#socket.write(PREFACE);
    // The window allows a reply of any length at once.
    this.#send(FRAME.SETTINGS, { payload: settings });
    this.#send(FRAME.WINDOW_UPDATE, { payload: window });
    this.#send(FRAME.HEADERS, { payload: headers, flags: FLAG.END_HEADERS, streamId: STREAM_ID });
    this.#sendData();
  }

  #send(
    type: number,
    { payload, flags = 0, streamId = 0 }: { payload: Uint8Array; flags?: number; streamId?: number },
  ): void {
    const header = new Uint8Array(FRAME_HEADER_BYTES);
    writeFrameHeader(header, 0, { length: payload.length, type, flags, streamId });
    this.#socket.write(header);
    if (payload.length > 0) this.#socket.write(payload);
  }

  /** Sends as much of the request as the server's windows allow. */
  #sendData(): void {
    while (!this.#hasEnded) {
      const bytes = Math.min(this.#unsent.length, this.#connectionWindow, this.#streamWindow, FRAME_BYTES_DEFAULT);
      if (bytes <= 0) return;
      const payload = this.#unsent.subarray(0, bytes);
      this.#unsent = this.#unsent.subarray(bytes);
      this.#connectionWindow -= bytes;
      this.#streamWindow -= bytes;
      this.#hasEnded = this.#unsent.length === 0;
      this.#send(FRAME.DATA, { payload, flags: this.#hasEnded ? FLAG.END_STREAM : 0, streamId: STREAM_ID });
    }
  }

  #take(bytes: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    try {
      while (this.#rest.length >= FRAME_HEADER_BYTES) {
        const length = readUint24(this.#rest, 0);
        const [type = 0, flags = 0] = this.#rest.subarray(3, 5);
        if (length > FRAME_BYTES_DEFAULT || (this.#isFirstFrame && type !== FRAME.SETTINGS)) {
          return this.fail(new Error(`The server at ${this.#address} does not speak HTTP/2`));
        }
        this.#isFirstFrame = false;
        const end = FRAME_HEADER_BYTES + length;
        if (this.#rest.length < end) return;
        const isOfCall = readUint31(this.#rest, 5) === STREAM_ID;
        const payload = this.#rest.subarray(FRAME_HEADER_BYTES, end);
        this.#rest = this.#rest.subarray(end);
        if (isOfCall) this.#takeOfCall(type, { flags, payload });
        else this.#takeOfConnection(type, { flags, payload });
      }
    } catch (error) {
      this.fail(new Error(`Cannot read the reply of the server at ${this.#address}: ${error}`, { cause: error }));
    }
  }

  #takeOfConnection(type: number, { flags, payload }: { flags: number; payload: Uint8Array }): void {
    if (type === FRAME.SETTINGS && (flags & FLAG.ACK) === 0) {
      for (let at = 0; at + SETTING_BYTES <= payload.length; at += SETTING_BYTES) {
        if (payload[at] !== 0 || payload[at + 1] !== SETTING.INITIAL_WINDOW_SIZE) continue;
        const window = readUint32(payload, at + 2);
        this.#streamWindow += window - this.#initialWindow;
        this.#initialWindow = window;
      }
      this.#send(FRAME.SETTINGS, { payload: new Uint8Array(), flags: FLAG.ACK });
      this.#sendData();
    } else if (type === FRAME.PING && (flags & FLAG.ACK) === 0) {
      this.#send(FRAME.PING, { payload, flags: FLAG.ACK });
    } else if (type === FRAME.WINDOW_UPDATE) {
      this.#connectionWindow += readUint31(payload, 0);
      this.#sendData();
    } else if (type === FRAME.GOAWAY && readUint31(payload, 0) < STREAM_ID) {
      this.fail(new Error(`The server at ${this.#address} accepts no more calls`));
    }
  }

  #takeOfCall(type: number, { flags, payload }: { flags: number; payload: Uint8Array }): void {
    const ends = (flags & FLAG.END_STREAM) !== 0;
    if (type === FRAME.WINDOW_UPDATE) {
      this.#streamWindow += readUint31(payload, 0);
      this.#sendData();
    } else if (type === FRAME.DATA) {
      this.#takeData(unpadded(payload, flags));
      if (ends) this.#end();
    } else if (type === FRAME.HEADERS || type === FRAME.CONTINUATION) {
      if (type === FRAME.HEADERS) this.#endsWithBlock = ends;
      const isPadded = type === FRAME.HEADERS;
      this.#block = Buffer.concat([this.#block, isPadded ? unpadded(payload, flags) : payload]);
      if (this.#block.length > HEADER_BYTES_MAX) throw new Error("its headers are too long");
      if ((flags & FLAG.END_HEADERS) === 0) return;
      for (const { name, value } of this.#hpack.decode(this.#block) ?? []) this.#fields.set(name, value);
      this.#block = new Uint8Array();
      if (this.#endsWithBlock) this.#end();
    } else if (type === FRAME.RST_STREAM) {
      this.fail(new Error(`The server at ${this.#address} reset the call with error ${readUint32(payload, 0)}`));
    }
  }

  #takeData(bytes: Uint8Array): void {
    this.#dataBytes += bytes.length;
    if (this.#dataBytes > REPLY_BYTES_MAX) throw new Error("it is too long");
    this.#data.push(bytes);
  }

  #end(): void {
    const status = this.#fields.get("grpc-status");
    if (status === undefined) {
      const answer = `The server at ${this.#address} answers with HTTP status ${
        this.#fields.get(":status")
      } and no gRPC status`;
      return this.fail(new Error(answer));
    }
    const code = Object.values(CODE).find((candidate) => candidate === Number(status)) ?? CODE.UNKNOWN;
    if (code !== CODE.OK) {
      const text = this.#fields.get("grpc-message") ?? "";
      return this.fail(new ServingError(code, percentDecode(text)));
    }
    const reply = Buffer.concat(this.#data);
    if (reply.length < PREFIX_BYTES || reply[0] !== 0 || readUint32(reply, 1) !== reply.length - PREFIX_BYTES) {
      return this.fail(new Error(`The server at ${this.#address} replies with something other than one message`));
    }
    this.#answer.resolve(new Uint8Array(reply.subarray(PREFIX_BYTES)));
  }
}

/** Returns the payload without padding and, for headers, without priority. */
function unpadded(payload: Uint8Array, flags: number): Uint8Array {
  const isPadded = (flags & FLAG.PADDED) !== 0;
  const start = (isPadded ? 1 : 0) + ((flags & FLAG.PRIORITY) !== 0 ? 5 : 0);
  return payload.subarray(start, payload.length - (isPadded ? payload[0] ?? 0 : 0));
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
