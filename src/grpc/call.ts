/**
 * One call as its method sees it: metadata, deadline and the way to reply. `unary_call.ts` and `streaming_call.ts` read what the
 * client sends.
 *
 * @module
 */
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { joinParts, type Span } from "../base/bytes.ts";
import type { Coding } from "../base/gzip.ts";
import type { ObservedRequest, OnFault, RequestGate, RequestObserver } from "../base/observed_request.ts";
import type { RequestRecord } from "../base/request_record.ts";
import { CODE, type Code, ServingError, toServingError } from "../base/status.ts";
import type { Http2Stream } from "../http2/http2.ts";
import type { InflightBudget } from "./inflight_budget.ts";
import type { MessageBuffers } from "./message_buffers.ts";
import { type FindAligned, messagePrefix } from "./message_reader.ts";
import type { StreamingCalls } from "./streaming_calls.ts";
import {
  type MessageEncoding,
  replyHeaders,
  type RequestHead,
  trailers,
  TRAILERS_OK,
  trailersOnly,
} from "./request_head.ts";

/** A method with one request message. It replies by `call.reply`, by `call.send` and `call.finish`, or by throwing. */
export interface UnaryMethod {
  /** `/package.Service/Method`, as in the `:path` of a request. */
  readonly path: string;
  /** Whether calls wait until the server's gate is open: they need what the server is still starting. */
  readonly waitsForGate?: boolean;
  /** Whether calls change the configuration, which not every client may (`--config_api`). */
  readonly changesConfiguration?: boolean;
  /** Finds the part of a large message that is used in place, so that it can be aligned without another copy. */
  readonly findAligned?: FindAligned;
  /**
   * Called when the client has sent its one message and ended its side.
   *
   * @param message owned by the call: views of it may be kept until the promise settles.
   */
  handle(message: Uint8Array, call: ServerCall): void | Promise<void>;
}

/**
 * A method with any number of messages either way, which are handled in order. It replies by `call.send`, and ends the call by
 * `call.finish`, `call.fail` or by throwing. When the server leaves, the call ends with UNAVAILABLE.
 */
export interface StreamingMethod {
  /** As {@link UnaryMethod.path}. */
  readonly path: string;
  /** As {@link UnaryMethod.waitsForGate}. A call that waits is opened, but gets no messages yet. */
  readonly waitsForGate?: boolean;
  /** Whether messages may be as long as those of unary calls, and wait for memory like them; they stay below 64 kB otherwise. */
  readonly takesLargeMessages?: boolean;
  /** Called when a call begins; the returned sink gets its messages. */
  open(call: ServerCall): MessageSink;
}

/** What a streaming method gets of a call. It gets nothing more once the call is over, which aborts `call.signal`. */
export interface MessageSink {
  /**
   * The next message. It comes when the one before has been handled and all replies so far have left, so that pending replies are
   * those to one message: a client that does not read gets no more work done.
   *
   * @param message owned by the call once this returns, or the promise settles; until then views of it may be kept.
   */
  onMessage(message: Uint8Array): void | Promise<void>;
  /** The client has ended its side, and all its messages have been handled. */
  onEnd(): void;
}

/** A method of a service. */
export type Method = UnaryMethod | StreamingMethod;

/** What all calls of a server share. */
export interface CallOptions {
  /** The longest message a client may send, before and after decompression. */
  readonly messageBytesMax: number;
  readonly buffers: MessageBuffers;
  readonly budget: InflightBudget;
  /** The streaming calls that end when the server shuts down. */
  readonly streamingCalls: StreamingCalls;
  /** Called with failures that are not the client's; the client gets an internal error. */
  readonly onFault: OnFault;
  readonly observer?: RequestObserver;
  /** Open from the start if left out. */
  readonly gate?: RequestGate | undefined;
}

/** What a call needs besides its stream. */
export interface CallParts<M extends Method> {
  readonly head: RequestHead;
  readonly method: M;
  readonly options: CallOptions;
}

/** The data of an event that only ends a stream. */
export const NO_DATA: Span = { bytes: new Uint8Array(0), start: 0, end: 0 };

/** One call from its headers on: the half that replies. */
export abstract class ServerCall implements ObservedRequest {
  readonly head: RequestHead;
  /** Undefined until the message of a unary call has arrived, and in streaming calls. */
  record: RequestRecord | undefined = undefined;
  protected readonly stream: Http2Stream;
  protected readonly options: CallOptions;
  /** Whether the call has its status. */
  protected isOver = false;
  protected replyEncoding: MessageEncoding = "identity";
  #areHeadersSent = false;
  #compressing: Promise<void> | undefined;
  #abort: AbortController | undefined;
  #cancelled: ServingError | undefined;
  #deadlineTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(stream: Http2Stream, parts: CallParts<Method>) {
    this.stream = stream;
    this.head = parts.head;
    this.options = parts.options;
  }

  /** Aborted with a ServingError when the client cancels or the deadline passes. Created when first used. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cancelled !== undefined) this.#abort.abort(this.#cancelled);
    }
    return this.#abort.signal;
  }

  /** The path that names the method. */
  get path(): string {
    return this.head.path;
  }

  /** A field of the client's metadata, by its name in lower case. */
  header(name: string): string | undefined {
    return this.head.metadata.find((field) => field.name === name)?.value;
  }

  /** The client's address, for the log. */
  get peer(): string {
    return this.stream.peer;
  }

  /** Sends one message and ends the call with OK. The parts are borrowed until this returns. */
  reply(parts: readonly Uint8Array[]): void {
    this.send(parts);
    this.finish();
  }

  /** Sends one message. The parts are borrowed until this returns. */
  send(parts: readonly Uint8Array[]): void {
    if (this.isOver) return;
    if (this.replyEncoding === "identity") return this.#write(parts, false);
    const compressed = COMPRESS[this.replyEncoding](joinParts(parts));
    this.#compressing = Promise.all([compressed, this.#compressing]).then(([message]) => this.#write([message], true));
  }

  /** Ends the call with OK, after everything sent so far. */
  finish(): void {
    if (this.#compressing === undefined) return this.#finish();
    this.#compressing.then(() => this.#finish(), (error: unknown) => this.fail(error));
  }

  /** Ends the call with the status of anything thrown. */
  fail(thrown: unknown): void {
    this.refuse(this.errorOf(thrown));
  }

  /** Returns the error that the client gets for anything thrown. A fault of the server's is reported. */
  errorOf(thrown: unknown): ServingError {
    const error = toServingError(thrown);
    if (error.code === CODE.INTERNAL) this.options.onFault(error, this);
    return error;
  }

  /** Observes a message of a streaming call as a request of its own. Call `end` with the code it ends with. */
  observeMessage(): { readonly record: RequestRecord | undefined; end(code: Code): void } {
    const { observer } = this.options;
    const record = observer?.onBegin();
    const { path, peer } = this;
    const header = (name: string) => this.header(name);
    return { record, end: (code) => observer?.onEnd({ path, peer, record, header }, code) };
  }

  /** Ends the call with an error of the client's, which is not reported as a fault. */
  protected refuse(error: ServingError): void {
    if (this.isOver) return;
    this.end(error.code);
    this.stream.sendHeaders(this.#areHeadersSent ? trailers(error) : trailersOnly(error, this.head.replyFields), true);
  }

  /** Starts the deadline's timer unless it is running. */
  protected startDeadline(): void {
    if (this.#deadlineTimer !== undefined || this.isOver || this.head.timeoutMs === Infinity) return;
    // Longer than any timer: as good as no deadline.
    if (this.head.timeoutMs > 0x7fffffff) return;
    this.#deadlineTimer = setTimeout(() => {
      const error = new ServingError(CODE.DEADLINE_EXCEEDED, "Deadline exceeded");
      this.cancel(error);
      this.fail(error);
    }, this.head.timeoutMs);
  }

  /** Aborts {@link signal}: nobody waits for the reply any more. */
  protected cancel(reason: ServingError): void {
    this.#cancelled ??= reason;
    this.#abort?.abort(this.#cancelled);
  }

  /** The call is over. Called once; what follows is ignored. */
  protected end(code: Code): void {
    this.isOver = true;
    if (this.#deadlineTimer !== undefined) clearTimeout(this.#deadlineTimer);
    this.options.observer?.onEnd(this, code);
  }

  #write(parts: readonly Uint8Array[], isCompressed: boolean): void {
    if (this.isOver) return;
    if (!this.#areHeadersSent) {
      this.#areHeadersSent = true;
      this.stream.sendHeaders(replyHeaders(this.head, this.replyEncoding), false);
    }
    const framed: Uint8Array[] = new Array(parts.length + 1);
    let length = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Uint8Array;
      length += part.length;
      framed[i + 1] = part;
    }
    framed[0] = messagePrefix(length, isCompressed);
    this.stream.sendData(framed, false);
  }

  #finish(): void {
    if (this.isOver) return;
    this.end(CODE.OK);
    this.stream.sendHeaders(TRAILERS_OK, true);
  }
}

const COMPRESS: Readonly<Record<Coding, (message: Uint8Array) => Promise<Uint8Array>>> = {
  gzip: promisify(gzip),
  deflate: promisify(deflate),
};
