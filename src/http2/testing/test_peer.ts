/**
 * A client in memory for tests. It exchanges frames with a connection over two queues, and knows when the connection has nothing
 * more to do.
 *
 * @module
 */
import { joinParts, type Span } from "../../base/bytes.ts";
import { Http2Connection, type Http2Socket } from "../connection.ts";
import {
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  PREFACE,
  readUint24,
  readUint32,
  writeFrameHeader,
  writeUint32,
} from "../frames.ts";
import { encodeHeaders } from "../hpack/encoder.ts";
import type { HeaderField, Http2Stream, RequestHeaders, StreamListener } from "../http2.ts";
import type { Http2Limits } from "../limits.ts";
import type { TurnQueue } from "../turns.ts";
import { testLimits } from "./limits.ts";

/** A frame that the peer received. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** Builds a frame. */
export function frame(
  type: number,
  streamId: number,
  options: { flags?: number; payload?: Uint8Array } = {},
): Uint8Array {
  const { flags = 0, payload = new Uint8Array(0) } = options;
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, { length: payload.length, type, flags, streamId });
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** The header list of a simple request, with more fields. */
export function requestFields(...more: HeaderField[]): HeaderField[] {
  return [
    { name: ":method", value: "POST" },
    { name: ":scheme", value: "http" },
    { name: ":path", value: "/test" },
    { name: ":authority", value: "localhost" },
    ...more,
  ];
}

/** A HEADERS frame that holds its whole block. */
export function headersFrame(
  streamId: number,
  options: { fields?: readonly HeaderField[]; endStream?: boolean; endHeaders?: boolean } = {},
): Uint8Array {
  const { fields = requestFields(), endStream = false, endHeaders = true } = options;
  const flags = (endStream ? FLAG.END_STREAM : 0) | (endHeaders ? FLAG.END_HEADERS : 0);
  return frame(FRAME.HEADERS, streamId, { flags, payload: encodeHeaders(fields) });
}

/** A DATA frame. */
export function dataFrame(streamId: number, payload: Uint8Array, endStream = false): Uint8Array {
  return frame(FRAME.DATA, streamId, { flags: endStream ? FLAG.END_STREAM : 0, payload });
}

/** A frame whose payload is one number: RST_STREAM, WINDOW_UPDATE. */
export function uint32Frame(type: number, streamId: number, value: number): Uint8Array {
  return frame(type, streamId, { payload: uint32(value) });
}

/** A SETTINGS frame of identifier and value pairs. */
export function settingsFrame(...settings: readonly (readonly [id: number, value: number])[]): Uint8Array {
  return frame(FRAME.SETTINGS, 0, {
    payload: joinParts(settings.map(([id, value]) => joinParts([Uint8Array.of(0, id), uint32(value)]))),
  });
}

/** Encodes a number in network order. */
export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, { value });
  return bytes;
}

/** The events of one stream, and the stream to reply on. */
export class TestRequest implements StreamListener {
  readonly chunks: Uint8Array[] = [];
  isEnded: boolean;
  trailers: readonly HeaderField[] | undefined;
  resetCode: number | undefined;
  drainedCount = 0;

  constructor(readonly stream: Http2Stream, readonly headers: RequestHeaders, endStream: boolean) {
    this.isEnded = endStream;
  }

  get data(): Uint8Array {
    return joinParts(this.chunks);
  }

  onData({ bytes, start, end }: Span, endStream: boolean): void {
    this.chunks.push(bytes.slice(start, end));
    this.isEnded = endStream;
  }

  onTrailers(fields: readonly HeaderField[]): void {
    this.trailers = fields;
    this.isEnded = true;
  }

  onReset(code: number): void {
    this.resetCode = code;
  }

  onDrained(): void {
    this.drainedCount++;
  }
}

/** A socket made of two queues. */
class MemorySocket implements Http2Socket {
  isClosed = false;
  isWriteClosed = false;
  /** While true, writes wait: the peer does not read. */
  isBlocked = false;
  /** The most bytes one write accepts. */
  writeBytesMax = Infinity;
  readonly written: Uint8Array[] = [];
  #inbox: Uint8Array = new Uint8Array(0);
  #isEnded = false;
  #reading: PromiseWithResolvers<void> | undefined;
  #changed = Promise.withResolvers<void>();
  #unblocked = Promise.withResolvers<void>();

  async read(target: Uint8Array): Promise<number | null> {
    while (this.#inbox.length === 0) {
      if (this.isClosed) throw new Error("Socket is closed");
      if (this.#isEnded) return null;
      this.#reading = Promise.withResolvers();
      this.#notify();
      await this.#reading.promise;
      this.#reading = undefined;
    }
    const count = Math.min(target.length, this.#inbox.length);
    target.set(this.#inbox.subarray(0, count));
    this.#inbox = this.#inbox.subarray(count);
    return count;
  }

  async write(source: Uint8Array): Promise<number> {
    while (this.isBlocked && !this.isClosed) await this.#unblocked.promise;
    if (this.isClosed) throw new Error("Socket is closed");
    const taken = source.slice(0, this.writeBytesMax);
    this.written.push(taken);
    this.#notify();
    return await Promise.resolve(taken.length);
  }

  close(): void {
    this.isClosed = true;
    this.#unblocked.resolve();
    this.#reading?.resolve();
    this.#notify();
  }

  closeWrite(): Promise<void> {
    this.isWriteClosed = true;
    this.#notify();
    return Promise.resolve();
  }

  unblock(): void {
    this.isBlocked = false;
    this.#unblocked.resolve();
    this.#unblocked = Promise.withResolvers();
  }

  feed(bytes: Uint8Array): void {
    this.#inbox = joinParts([this.#inbox, bytes]);
    this.#reading?.resolve();
  }

  end(): void {
    this.#isEnded = true;
    this.#reading?.resolve();
  }

  /** Whether the connection has read everything and waits for more, or will never read again. */
  get isIdle(): boolean {
    return this.isClosed || (this.#inbox.length === 0 && this.#reading !== undefined);
  }

  /** Resolves at the next write, close, or wait for more. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Options of a {@link TestPeer}. */
export interface TestPeerOptions {
  readonly limits?: Partial<Http2Limits>;
  /** Called with each new request. */
  readonly onRequest?: (request: TestRequest) => void;
  readonly turns?: TurnQueue;
}

/** A client and the connection it talks to. */
export class TestPeer {
  readonly connection: Http2Connection;
  readonly requests: TestRequest[] = [];
  readonly faults: unknown[] = [];
  readonly socket: MemorySocket = new MemorySocket();
  /** Resolves when the connection is over. */
  readonly served: Promise<void>;
  #unread: Uint8Array = new Uint8Array(0);

  constructor(options: TestPeerOptions = {}) {
    this.connection = new Http2Connection(this.socket, {
      // A turn ends by frames or bytes, not by how fast the machine is.
      limits: testLimits({ turnMs: 60_000, ...options.limits }),
      peer: "test",
      ...(options.turns && { turns: options.turns }),
      onRequest: (stream, headers, endStream) => {
        const request = new TestRequest(stream, headers, endStream);
        this.requests.push(request);
        options.onRequest?.(request);
        return request;
      },
      onFault: (error) => this.faults.push(error),
    });
    this.served = this.connection.serve();
  }

  /** A peer that has exchanged prefaces and SETTINGS. */
  static async connect(options: TestPeerOptions = {}): Promise<TestPeer> {
    const peer = new TestPeer(options);
    await peer.send(PREFACE, settingsFrame(), frame(FRAME.SETTINGS, 0, { flags: FLAG.ACK }));
    return peer;
  }

  /** The last request. */
  get request(): TestRequest {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error("No request has come");
    return request;
  }

  /** Sends bytes and returns the frames received before the connection waits for more. */
  async send(...bytes: Uint8Array[]): Promise<ReceivedFrame[]> {
    this.socket.feed(joinParts(bytes));
    while (!this.socket.isIdle) await this.socket.changed;
    return this.received();
  }

  /** Waits until the connection sends nothing more. */
  async hungUp(): Promise<void> {
    while (!this.socket.isWriteClosed && !this.socket.isClosed) await this.socket.changed;
  }

  /** Returns the frames received since the last call. */
  received(): ReceivedFrame[] {
    const bytes = joinParts([this.#unread, ...this.socket.written.splice(0)]);
    const frames: ReceivedFrame[] = [];
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + readUint24(bytes, at);
      if (end > bytes.length) break;
      const [type = 0, flags = 0] = bytes.subarray(at + 3);
      frames.push({
        type,
        flags,
        streamId: readUint32(bytes, at + 5),
        payload: bytes.slice(at + FRAME_HEADER_BYTES, end),
      });
      at = end;
    }
    this.#unread = bytes.subarray(at);
    return frames;
  }

  /** Waits for a frame of a type, and returns it with those before it. */
  async until(type: number): Promise<ReceivedFrame[]> {
    const frames = this.received();
    while (!frames.some((received) => received.type === type)) {
      if (this.socket.isClosed) throw new Error(`Connection was closed before a frame of type ${type} came`);
      await this.socket.changed;
      frames.push(...this.received());
    }
    return frames;
  }

  /** The code of the GOAWAY among the frames, if there is one. */
  static goawayCode(frames: readonly ReceivedFrame[]): number | undefined {
    const goaway = frames.find((received) => received.type === FRAME.GOAWAY);
    return goaway && readUint32(goaway.payload, 4);
  }

  /** The code of the RST_STREAM for this stream among the frames, if there is one. */
  static resetCode(frames: readonly ReceivedFrame[], streamId: number): number | undefined {
    const reset = frames.find((received) => received.type === FRAME.RST_STREAM && received.streamId === streamId);
    return reset && readUint32(reset.payload, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.close();
    await this.served;
  }
}
