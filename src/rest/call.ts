/**
 * One request on its way: its body, its deadline, its client who may leave.
 *
 * @module
 */
import type { RequestRecord } from "../base/request_record.ts";
import { CODE, type Code, ServingError } from "../base/status.ts";
import { within } from "../base/timer.ts";
import type { IdentifiedRequest } from "../base/observed_request.ts";
import type { BodyAccount } from "./body_budget.ts";
import { readBody } from "./request_body.ts";

/** Hears of calls. Must not throw. */
export interface CallObserver {
  /** A call has come. */
  onOpen(): void;
  /** Thereafter, and again when its body is there. What is returned goes with the call. */
  onBegin(): RequestRecord;
  /** A call is over, with this code and a reply of so many bytes; its client is told next. */
  onEnd(call: Call, end: { code: Code; replyBytes: number }): void;
}

/** What a call must keep to. */
export interface CallOptions {
  /** The path of the request as it was sent. */
  readonly path: string;
  /** Who calls, for the log; empty where nobody knows. */
  readonly peer: string;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  /** Counts what the body takes of memory, until the call is over. */
  readonly account: BodyAccount;
  readonly observer?: CallObserver | undefined;
}

/** A request that is being answered. */
export class Call implements IdentifiedRequest {
  readonly request: Request;
  readonly path: string;
  readonly peer: string;
  /** What is known of it; begins anew when its body is there. */
  record: RequestRecord | undefined;
  /** The length of its body, unpacked; 0 until it is there. */
  bodyBytes = 0;
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

  /** A header of the request, by its name in lower case. */
  header(name: string): string | undefined {
    return this.request.headers.get(name) ?? undefined;
  }

  /** Aborted with a ServingError when the time is up or the client has left. Made when first asked for. */
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

  /** Reads the body, all of it; as `readBody` of request_body.ts says. */
  async body(): Promise<Uint8Array> {
    const { bodyBytesMax: bytesMax, account, timeoutMs } = this.#options;
    const body = await readBody(this.request, { bytesMax, account, timeoutMs });
    this.record = this.#options.observer?.onBegin();
    this.bodyBytes = body.length;
    return body;
  }

  /**
   * Waits for a result, but not for ever.
   *
   * @throws {ServingError} DEADLINE_EXCEEDED when the time is up, what the result is rejected with before that.
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
