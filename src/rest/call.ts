/**
 * One REST call while it is being answered: its body, its deadline, and its client, who may disconnect.
 *
 * @module
 */
import type { ObservedRequest } from "../base/observed_request.ts";
import type { RequestRecord } from "../base/request_record.ts";
import { CODE, type Code, ServingError } from "../base/status.ts";
import { within } from "../base/timer.ts";
import type { BodyAccount } from "./body_budget.ts";
import { readBody } from "./request_body.ts";

/** Observes calls. Must not throw. */
export interface CallObserver {
  /** A call has arrived. */
  onOpen(): void;
  /** Called after {@link onOpen} and again when the body has arrived. The returned record travels with the call. */
  onBegin(): RequestRecord;
  /** A call is over, with this code and the size of its reply; the reply goes out next. */
  onEnd(call: Call, end: { code: Code; replyBytes: number }): void;
}

/** What a call is made with, and its limits. */
export interface CallOptions {
  /** The path of the request as it was sent. */
  readonly path: string;
  /** The client's address, for the log; empty if unknown. */
  readonly peer: string;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  /** Accounts for the body's memory until the call is over. */
  readonly account: BodyAccount;
  readonly observer?: CallObserver | undefined;
}

/** A call. */
export class Call implements ObservedRequest {
  readonly request: Request;
  readonly path: string;
  readonly peer: string;
  /** Starts anew when the body has arrived. */
  record: RequestRecord | undefined;
  /** The length of the body after decompression; 0 until it has arrived. */
  bodyBytes = 0;
  /** The name of the route that answers; empty while there is none. */
  routeName = "";
  readonly #options: CallOptions;
  #abort: AbortController | undefined;

  constructor(request: Request, options: CallOptions) {
    this.request = request;
    this.path = options.path;
    this.peer = options.peer;
    options.observer?.onOpen();
    this.record = options.observer?.onBegin();
    this.#options = options;
  }

  /** `GET`, `POST` and the like. */
  get method(): string {
    return this.request.method;
  }

  /** Returns a header of the request, by its name in lower case. */
  header(name: string): string | undefined {
    return this.request.headers.get(name) ?? undefined;
  }

  /** Aborted with a ServingError at the deadline or when the client disconnects. Created on first use. */
  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  get #aborter(): AbortController {
    if (this.#abort !== undefined) return this.#abort;
    const controller = new AbortController();
    this.#abort = controller;
    const leave = () => controller.abort(new ServingError(CODE.CANCELLED, "The client left"));
    if (this.request.signal.aborted) leave();
    else this.request.signal.addEventListener("abort", leave, { once: true });
    return controller;
  }

  /** Reads the whole body. Throws what `readBody` of request_body.ts throws. */
  async body(): Promise<Uint8Array> {
    const { bodyBytesMax: bytesMax, account, timeoutMs } = this.#options;
    const body = await readBody(this.request, { bytesMax, account, timeoutMs });
    this.record = this.#options.observer?.onBegin();
    this.bodyBytes = body.length;
    return body;
  }

  /**
   * Waits for a result until the deadline.
   *
   * @throws {ServingError} DEADLINE_EXCEEDED at the deadline; before that, what the result rejects with.
   */
  async withinDeadline<R>(result: Promise<R>): Promise<R> {
    const { timeoutMs } = this.#options;
    const onTimeout = (): never => {
      const error = new ServingError(CODE.DEADLINE_EXCEEDED, `No answer within ${timeoutMs} ms`);
      this.#aborter.abort(error);
      throw error;
    };
    return await within(result, timeoutMs, { onTimeout });
  }
}
