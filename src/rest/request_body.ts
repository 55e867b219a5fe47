/**
 * Reads request bodies into memory, within limits of size and time, and decompresses them.
 *
 * @module
 */
import { type Coding, inflate, statedLength } from "../base/gzip.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { BodyAccount } from "./body_budget.ts";
import { HttpError } from "./http_reply.ts";

const NOTHING = new Uint8Array(0);

/** How a body may be compressed, by its Content-Encoding. */
const CODINGS: ReadonlyMap<string, Coding | undefined> = new Map([
  ["identity", undefined],
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/** How many times its compressed length a zlib body is expected to have, and by how much that grows when it is longer. */
const EXPECTED_RATIO = 8;

/** A body that takes longer than its time must at least arrive at this rate. */
const BYTES_PER_SECOND_MIN = 16 << 10;

/**
 * Up to this length, a body is counted when it is announced and read in one step. A longer one is counted as it arrives: an
 * announcement alone must not displace other requests.
 */
const READ_AT_ONCE_BYTES_MAX = 64 << 10;

/** The limits for a body. */
export interface BodyLimits {
  /** The longest body, before and after decompression. */
  readonly bytesMax: number;
  /** Accounts for the memory; the caller releases it. */
  readonly account: BodyAccount;
  /** Time for the body to arrive, plus a second for each 16 KiB received. */
  readonly timeoutMs: number;
}

/**
 * Reads a whole body.
 *
 * @returns bytes that the caller owns.
 * @throws {HttpError} 408 if it arrives too slowly, 413 if it is too long, 415 for an unknown encoding.
 * @throws {ServingError} INVALID_ARGUMENT if it is marked as compressed and is not, or ends too soon; UNAVAILABLE if memory is used
 * up.
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (!CODINGS.has(encoding)) {
    throw new HttpError(415, `Content-Encoding ${encoding} is not supported: send gzip, deflate or identity`);
  }
  const coding = CODINGS.get(encoding);
  const body = await readAll(request, limits);
  return coding === undefined ? body : await decompress(body, coding, limits);
}

async function readAll(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  const { bytesMax, account } = limits;
  const declared = request.headers.get("content-length");
  if (Number(declared) > bytesMax) throw tooLong(bytesMax);
  if (request.body === null) return NOTHING;
  using timeout = new BodyTimeout(limits.timeoutMs);
  try {
    // The transport never delivers more than was declared.
    if (declared === null || Number(declared) > READ_AT_ONCE_BYTES_MAX) {
      return await readStream(request.body, { ...limits, timeout });
    }
    account.take(Number(declared));
    return new Uint8Array(await timeout.wait(request.arrayBuffer()));
  } catch (error) {
    if (error instanceof HttpError || error instanceof ServingError) throw error;
    throw new ServingError(CODE.INVALID_ARGUMENT, "The request's body ended too soon", { cause: error });
  }
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  { bytesMax, account, timeout }: BodyLimits & { timeout: BodyTimeout },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  try {
    for (let next = await timeout.wait(reader.read()); !next.done; next = await timeout.wait(reader.read())) {
      const chunk = next.value;
      length += chunk.length;
      if (length > bytesMax) throw tooLong(bytesMax);
      account.take(chunk.length);
      timeout.extend(chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    // The rest is not needed. If it is late, cancelling would make Deno close the connection before the reply.
    if (!timeout.hasEnded) reader.cancel().catch(() => {});
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

/** Ends the wait for a body that arrives too slowly. */
class BodyTimeout implements Disposable {
  readonly #expired = Promise.withResolvers<never>();
  readonly #timeoutMs: number;
  #endsMs: number;
  #timer: ReturnType<typeof setTimeout>;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#endsMs = performance.now() + timeoutMs;
    this.#timer = setTimeout(() => this.#check(), timeoutMs);
    // Possibly nothing waits when it expires.
    this.#expired.promise.catch(() => {});
  }

  /** Waits for the next part of the body. */
  wait<T>(part: Promise<T>): Promise<T> {
    return Promise.race([part, this.#expired.promise]);
  }

  /** Whether the time is up. */
  get hasEnded(): boolean {
    return performance.now() >= this.#endsMs;
  }

  /** Allows more time, for a part that has arrived. */
  extend(bytes: number): void {
    this.#endsMs += 1000 * bytes / BYTES_PER_SECOND_MIN;
  }

  #check(): void {
    const leftMs = this.#endsMs - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(() => this.#check(), Math.ceil(leftMs));
    else this.#expired.reject(new HttpError(408, `The request's body did not come within ${this.#timeoutMs} ms`));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

async function decompress(
  compressed: Uint8Array,
  coding: Coding,
  { bytesMax, account }: BodyLimits,
): Promise<Uint8Array> {
  // zlib data does not state its length, so memory is taken for a guess that grows.
  const expected = coding === "gzip" ? statedLength(compressed) : EXPECTED_RATIO * compressed.length;
  let sizeBytes = Math.max(Math.min(expected, bytesMax), 1);
  account.take(sizeBytes);
  while (true) {
    try {
      return await inflate(compressed, sizeBytes, coding);
    } catch (error) {
      if (!(error instanceof RangeError)) {
        const message = `The request's body is marked as ${coding} and is not`;
        throw new ServingError(CODE.INVALID_ARGUMENT, message, { cause: error });
      }
      if (sizeBytes === bytesMax) throw tooLong(bytesMax);
    }
    // Concatenated gzip files are valid too (RFC 1952 section 2.2), and only the last one states its length at the end.
    const nextBytes = coding === "gzip" ? bytesMax : Math.min(EXPECTED_RATIO * sizeBytes, bytesMax);
    account.take(nextBytes - sizeBytes);
    sizeBytes = nextBytes;
  }
}

function tooLong(bytesMax: number): HttpError {
  return new HttpError(413, `The request's body is longer than the ${bytesMax} bytes this server takes`);
}
