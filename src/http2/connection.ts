/**
 * One HTTP/2 connection of a server, from accept to close: moves bytes between the socket, the receiver and the sender, and closes
 * gracefully. Knows sockets and time, not the meaning of frames.
 *
 * @module
 */
import { ConnectionError, ERROR_CODE, STREAM_ID_MAX } from "./frames.ts";
import { FrameParser, PrefaceError } from "./frame_parser.ts";
import type { OnRequest } from "./http2.ts";
import type { Http2Limits } from "./limits.ts";
import { Receiver } from "./receiver.ts";
import type { Sender } from "./sender.ts";
import type { Stream } from "./streams/stream.ts";
import { StreamTable } from "./streams/stream_table.ts";
import { Turn, TurnQueue } from "./turns.ts";
import { Watchdog } from "./watchdog.ts";

const DISCARD_BYTES = 16_384;
const SHUTDOWN_GRACE_MS = 10_000;
/** How long to wait for the PING after the first GOAWAY of a shutdown. */
const NOTICE_MS = 1000;
const PING_SHUTDOWN = Uint8Array.of(0x73, 0x68, 0x75, 0x74, 0x64, 0x6f, 0x77, 0x6e);
const PING_KEEPALIVE = Uint8Array.of(0x6b, 0x65, 0x65, 0x70, 0x6c, 0x69, 0x76, 0x65);
const HTTP1_REQUEST_REGEXP = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT) /;
const HTTP1_REPLY = new TextEncoder().encode(
  "HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 29\r\n\r\n" +
    "This port speaks only HTTP/2\n",
);

/** What a connection needs of a socket. `Deno.Conn` has it. */
export interface Http2Socket {
  read(target: Uint8Array): Promise<number | null>;
  write(source: Uint8Array): Promise<number>;
  close(): void;
  /** Without it, a peer that is still sending may lose the end of what we sent. */
  closeWrite?(): Promise<void>;
}

/** Options of a connection. */
export interface Http2ConnectionOptions {
  readonly limits: Http2Limits;
  /** The client's address, for the log. */
  readonly peer: string;
  readonly onRequest: OnRequest;
  /** The reply to a request with more headers than the limits allow: a header block. Status 431 if left out. */
  readonly headersTooLarge?: Uint8Array;
  /** Shared with the other connections of the thread. */
  readonly turns?: TurnQueue;
  /** Called with each {@link ConnectionError} of the peer, and with what the layer above throws. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * `ending`: only what waits is still written; then the peer closes, or {@link Http2Limits.lingerTimeoutMs} passes.
 */
type Phase = "open" | "draining" | "ending" | "closed";

/** Serves one socket, which it owns. */
export class Http2Connection {
  readonly #socket: Http2Socket;
  readonly #options: Http2ConnectionOptions;
  readonly #streams: StreamTable;
  readonly #sender: Sender<Stream>;
  readonly #receiver: Receiver;
  readonly #parser: FrameParser;
  readonly #watchdog: Watchdog;
  readonly #turn: Turn;
  readonly #closed = Promise.withResolvers<void>();
  readonly #flushLater: () => void;
  #phase: Phase = "open";
  #isServing = false;
  #isProcessing = false;
  #isFlushQueued = false;
  #isLastAnnounced = false;
  #bytesRead = 0;
  #bytesWritten = 0;
  /** The write loop; undefined while nothing is being written. */
  #writing: Promise<void> | undefined;
  /** Resumes reading once the outgoing buffer is short enough. */
  #resume: (() => void) | undefined;
  #noticeUntilMs = 0;
  #isNoticed = false;
  #drainUntilMs = Infinity;
  #endUntilMs = Infinity;

  constructor(socket: Http2Socket, options: Http2ConnectionOptions) {
    const { limits, peer, onRequest, turns = new TurnQueue() } = options;
    this.#socket = socket;
    this.#options = options;
    this.#streams = new StreamTable({
      limits,
      peer,
      onRequest,
      onFault: (error) => this.#report(error),
      onSend: () => this.#onSend(),
    });
    this.#sender = this.#streams.sender;
    this.#receiver = new Receiver(this.#streams, {
      limits,
      headersTooLarge: options.headersTooLarge,
      onPong: (payload) => this.#onPong(payload),
    });
    this.#turn = new Turn(turns, limits);
    this.#parser = new FrameParser(this.#receiver, {
      bufferBytesMax: limits.readBufferBytesMax,
      onTaken: () => this.#turn.frame(),
    });
    this.#watchdog = new Watchdog(limits, () => this.#tick());
    this.#flushLater = () => {
      this.#isFlushQueued = false;
      this.#flush();
    };
  }

  /** Streams open now. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** When it last received anything, by performance.now(); undefined while it has streams or is being closed. */
  get idleSinceMs(): number | undefined {
    return this.#phase === "open" && this.#streams.size === 0 ? this.#turn.sinceMs : undefined;
  }

  /** Bytes read from the socket so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Bytes written to the socket so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** Serves until the connection is over and its socket closed. Never rejects. */
  async serve(): Promise<void> {
    this.#isServing = true;
    this.#watchdog.start();
    try {
      await this.#read();
      this.#streams.abandon(ERROR_CODE.CANCEL);
      await this.#writing;
    } catch {
      // The peer or close() has closed the socket.
    }
    this.close();
    this.#watchdog.stop();
    await this.#writing;
    this.#closed.resolve();
  }

  /**
   * Shuts down gracefully: no new streams, the open ones finish, then the socket closes. Cuts off what is left after `graceMs`.
   * Resolves when the connection is over.
   */
  shutdown(graceMs = SHUTDOWN_GRACE_MS): Promise<void> {
    const nowMs = performance.now();
    this.#drainUntilMs = Math.min(this.#drainUntilMs, nowMs + graceMs);
    this.#watchdog.hurry(graceMs);
    if (this.#phase !== "open") return this.#closed.promise;
    if (!this.#receiver.hasSettings) {
      this.close();
      return this.#closed.promise;
    }
    // The client may be opening streams until it reads the GOAWAY: the last one is known only after a round trip.
    this.#phase = "draining";
    this.#noticeUntilMs = nowMs + Math.min(NOTICE_MS, graceMs / 2);
    this.#sender.goaway(STREAM_ID_MAX, { code: ERROR_CODE.NO_ERROR, sentence: "" });
    this.#sender.ping(PING_SHUTDOWN, { isAck: false });
    this.#onSend();
    return this.#closed.promise;
  }

  /** Closes at once: ends all streams and writes nothing more. */
  close(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#parser.stop();
    this.#streams.abandon(ERROR_CODE.CANCEL);
    this.#resume?.();
    try {
      this.#socket.close();
    } catch {
      // It is closed already.
    }
    if (!this.#isServing) this.#closed.resolve();
  }

  async #read(): Promise<void> {
    const { outgoingBytesMax } = this.#options.limits;
    while (this.#phase === "open" || this.#phase === "draining") {
      let count: number | undefined;
      if (!this.#parser.isPaused) {
        const read = await this.#socket.read(this.#parser.space());
        if (read === null) return;
        this.#bytesRead += count = read;
      }
      this.#process(count);
      if (this.#turn.isOver) await this.#turn.renew();
      if (this.#sender.outgoing.length > outgoingBytesMax) await this.#drained();
    }
    const discarded = new Uint8Array(DISCARD_BYTES);
    while (this.#phase === "ending") {
      const count = await this.#socket.read(discarded);
      if (count === null) return;
      this.#turn.bytes(count);
      if (this.#turn.isOver) await this.#turn.renew();
    }
  }

  /** Handles the frames of a read of `count` bytes, or those that the last turn left. */
  #process(count: number | undefined): void {
    this.#turn.start();
    this.#isProcessing = true;
    try {
      if (count === undefined) {
        this.#parser.resume();
      } else {
        this.#turn.bytes(count);
        this.#parser.received(count);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isProcessing = false;
    this.#flush();
    this.#turn.stop();
  }

  #flush(): void {
    if (this.#phase === "draining" && this.#isLastAnnounced && this.#streams.size === 0) this.#end();
    if (this.#writing !== undefined || this.#phase === "closed") return;
    if (this.#sender.outgoing.length > 0) this.#writing = this.#write();
    else if (this.#phase === "ending") this.#hangUp();
  }

  async #write(): Promise<void> {
    const { outgoing } = this.#sender;
    try {
      while (outgoing.length > 0 && this.#phase !== "closed") {
        let left = outgoing.take();
        for (;;) {
          const count = await this.#socket.write(left);
          this.#bytesWritten += count;
          this.#turn.bytes(count);
          if (count === left.length) break;
          left = left.subarray(count);
        }
        outgoing.release();
        this.#sender.pump();
        if (outgoing.length <= this.#options.limits.outgoingBytesMax) this.#resume?.();
        if (outgoing.length > 0 && this.#turn.isOver) await this.#turn.renew();
      }
    } catch {
      this.close();
    }
    this.#writing = undefined;
    this.#flush();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.#resume = resolve);
  }

  #onSend(): void {
    if (this.#isProcessing || this.#isFlushQueued) return;
    this.#isFlushQueued = true;
    queueMicrotask(this.#flushLater);
  }

  /**
   * Announces the last stream two round trips after the first GOAWAY. At the first PONG clients may still write headers of streams
   * that they opened before they read the GOAWAY.
   */
  #onPong(payload: Uint8Array): void {
    if (this.#phase !== "draining" || !payload.every((byte, i) => byte === PING_SHUTDOWN[i])) return;
    if (this.#isNoticed) return this.#announceLast();
    this.#isNoticed = true;
    this.#sender.ping(PING_SHUTDOWN, { isAck: false });
    this.#onSend();
  }

  /** Sends the second GOAWAY of a shutdown, which names the last stream served. */
  #announceLast(): void {
    if (this.#isLastAnnounced) return;
    this.#isLastAnnounced = true;
    this.#receiver.stopAccepting();
    this.#sender.goaway(this.#streams.lastId, { code: ERROR_CODE.NO_ERROR, sentence: "" });
  }

  #fail(error: unknown): void {
    this.#report(error);
    if (error instanceof PrefaceError) {
      if (HTTP1_REQUEST_REGEXP.test(String.fromCharCode(...error.received.subarray(0, 8)))) {
        this.#sender.raw(HTTP1_REPLY);
      }
    } else {
      const isPeers = error instanceof ConnectionError;
      const code = isPeers ? error.code : ERROR_CODE.INTERNAL_ERROR;
      this.#sender.goaway(this.#streams.lastId, { code, sentence: isPeers ? error.message : "Internal error" });
    }
    this.#end();
  }

  #end(): void {
    if (this.#phase === "ending" || this.#phase === "closed") return;
    this.#phase = "ending";
    this.#parser.stop();
    this.#streams.abandon(ERROR_CODE.CANCEL);
    this.#watchdog.hurry(this.#options.limits.lingerTimeoutMs);
  }

  /** Closes the sending side, so that the peer reads everything before it closes, which ends {@link #read}. */
  #hangUp(): void {
    if (this.#endUntilMs < Infinity) return;
    this.#endUntilMs = performance.now() + this.#options.limits.lingerTimeoutMs;
    if (this.#socket.closeWrite === undefined) this.close();
    else this.#socket.closeWrite().catch(() => this.close());
  }

  #tick(): void {
    if (this.#phase === "closed") return;
    const nowMs = performance.now();
    const isWriteStuck = this.#watchdog.isWriteStuck(this.#writing === undefined ? Number.NaN : this.#bytesWritten);
    if (isWriteStuck || nowMs >= Math.min(this.#drainUntilMs, this.#endUntilMs)) return this.close();
    if (this.#phase === "ending") return;
    if (this.#phase === "draining" && nowMs >= this.#noticeUntilMs) this.#announceLast();
    this.#check();
    this.#flush();
  }

  #check(): void {
    const verdict = this.#watchdog.check({
      streams: this.#streams,
      receiver: this.#receiver,
      bytesRead: this.#bytesRead,
    });
    if (verdict === "ping") this.#sender.ping(PING_KEEPALIVE, { isAck: false });
    else if (verdict === "dead") this.close();
    else if (verdict === "idle") this.shutdown();
    else if (verdict instanceof ConnectionError) this.#fail(verdict);
  }

  #report(error: unknown): void {
    this.#options.onFault?.(error);
  }
}
