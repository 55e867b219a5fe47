/**
 * A request's body in memory: never more of it than is allowed, unpacked where it came packed.
 *
 * @module
 */
import { inflate, statedLength } from "../base/gzip.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { BodyAccount } from "./body_budget.ts";
import { HttpError } from "./http_reply.ts";

const NOTHING = new Uint8Array(0);

/** Slower than this for longer than its time nobody sends a body for good reason. */
const BYTES_PER_SECOND_MIN = 16 << 10;

/**
 * Up to this length a body counts as soon as it is announced, and is read at once. A longer one counts as it comes: an announcement
 * alone must not take the place of others.
 */
const READ_AT_ONCE_BYTES_MAX = 64 << 10;

/** What a body must keep to. */
export interface BodyLimits {
  /** The longest body, before and after it is unpacked. */
  readonly bytesMax: number;
  /** Counts what is in memory; nothing is given back here. */
  readonly account: BodyAccount;
  /** How long it may take to come, besides a second for each 16 KiB of it that have. */
  readonly timeoutMs: number;
}

/**
 * Reads a body to its end.
 *
 * @returns bytes of the caller's.
 * @throws {HttpError} 408 when it comes too slowly, 413 when it is longer, 415 when it is packed in a way that is not known.
 * @throws {ServingError} INVALID_ARGUMENT when it says it is gzip and is not, or ends too soon; UNAVAILABLE when there is no memory.
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip" && encoding !== "x-gzip") {
    throw new HttpError(415, `Content-Encoding ${encoding} is not supported: send gzip or identity`);
  }
  const body = await readAll(request, limits);
  return encoding === "identity" ? body : await unpack(body, limits);
}

async function readAll(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const { bytesMax, account } = limits;
  const declared = request.headers.get("content-length");
  if (Number(declared) > bytesMax) throw tooLong(bytesMax);
  if (request.body === null) return NOTHING;
  using patience = new Patience(limits.timeoutMs);
  try {
    // The transport lets no more through than was declared.
    if (declared === null || Number(declared) > READ_AT_ONCE_BYTES_MAX) {
      return await readStream(request.body, { ...limits, patience });
    }
    account.take(Number(declared));
    return new Uint8Array(await patience.wait(request.arrayBuffer()));
  } catch (error) {
    if (error instanceof HttpError || error instanceof ServingError) throw error;
    throw new ServingError(CODE.INVALID_ARGUMENT, "The request's body ended too soon", { cause: error });
  }
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  { bytesMax, account, patience }: BodyLimits & { patience: Patience },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  try {
    for (let next = await patience.wait(reader.read()); !next.done; next = await patience.wait(reader.read())) {
      const chunk = next.value;
      length += chunk.length;
      if (length > bytesMax) throw tooLong(bytesMax);
      account.take(chunk.length);
      patience.allow(chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    // Nobody waits for the rest. Where it does not come Deno would hang up at once, before the answer.
    if (!patience.hasEnded) reader.cancel().catch(() => {});
    throw error;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Ends the waiting for a body that comes too slowly. */
class Patience implements Disposable {
  readonly #expired = Promise.withResolvers<never>();
  readonly #timeoutMs: number;
  #endsMs: number;
  #timer: ReturnType<typeof setTimeout>;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#endsMs = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => this.#look(), timeoutMs);
    // Nobody may be waiting when it runs out.
    this.#expired.promise.catch(() => {});
  }

  /** Waits for the next part. */
  wait<T>(part: Promise<T>): Promise<T> {
    return Promise.race([part, this.#expired.promise]);
  }

  /** Whether it came too slowly. */
  get hasEnded(): boolean {
    return performance.now() >= this.#endsMs;
  }

  /** A part has come, which gives the others more time. */
  allow(bytes: number): void {
    this.#endsMs += 1000 * bytes / BYTES_PER_SECOND_MIN;
  }

  #look(): void {
    const leftMs = this.#endsMs - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(() => this.#look(), Math.ceil(leftMs));
    else this.#expired.reject(new HttpError(408, `The request's body did not come within ${this.#timeoutMs} ms`));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

async function unpack(packed: Uint8Array, { bytesMax, account }: BodyLimits): Promise<Uint8Array> {
  let roomBytes = Math.max(Math.min(statedLength(packed), bytesMax), 1);
  account.take(roomBytes);
  while (true) {
    try {
      return await inflate(packed, roomBytes);
    } catch (error) {
      if (!(error instanceof RangeError)) {
        const message = "The request's body is marked as gzip and is not";
        throw new ServingError(CODE.INVALID_ARGUMENT, message, { cause: error });
      }
      if (roomBytes === bytesMax) throw tooLong(bytesMax);
    }
    // Several files of gzip in a row are one too (RFC 1952 section 2.2), and only the last one's length stands at the end.
    account.take(bytesMax - roomBytes);
    roomBytes = bytesMax;
  }
}

function tooLong(bytesMax: number): HttpError {
  return new HttpError(413, `The request's body is longer than the ${bytesMax} bytes this server takes`);
}
