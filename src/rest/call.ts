/**
 * One request on its way: its body, its deadline, its client who may leave.
 *
 * @module
 */
import { RequestRecord } from "../base/request_record.ts";
import { CODE, ServingError } from "../base/status.ts";
import { readBody } from "./request_body.ts";

/** What a call must keep to. */
export interface CallOptions {
  /** The path of the request as it was sent. */
  readonly path: string;
  /** Who calls, for the log; empty where nobody knows. */
  readonly peer: string;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

/** A request that is being answered. */
export class Call {
  readonly request: Request;
  readonly path: string;
  readonly peer: string;
  /** What becomes of it; begins anew when its body is there. */
  record: RequestRecord = new RequestRecord();
  readonly #options: CallOptions;
  #abort: AbortController | undefined;

  constructor(request: Request, options: CallOptions) {
    this.request = request;
    this.path = options.path;
    this.peer = options.peer;
    this.#options = options;
  }

  /** `GET`, `POST` and the like. */
  get method(): string {
    return this.request.method;
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
    const body = await readBody(this.request, this.#options.bodyBytesMax);
    this.record = new RequestRecord();
    return body;
  }

  /**
   * Waits for a result, but not for ever.
   *
   * @throws {ServingError} DEADLINE_EXCEEDED when the time is up, what the result is rejected with before that.
   */
  async withinDeadline<R>(result: Promise<R>): Promise<R> {
    const { promise: expired, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const error = new ServingError(CODE.DEADLINE_EXCEEDED, `No answer within ${this.#options.timeoutMs} ms`);
      this.#aborter.abort(error);
      reject(error);
    }, this.#options.timeoutMs);
    try {
      return await Promise.race([result, expired]);
    } finally {
      clearTimeout(timer);
    }
  }
}
