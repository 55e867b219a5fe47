/**
 * A request's body in memory: never more of it than is allowed, unpacked where it came packed.
 *
 * @module
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { CODE, ServingError } from "../base/status.ts";
import type { BodyAccount } from "./body_budget.ts";
import { HttpError } from "./http_reply.ts";

const NOTHING = new Uint8Array(0);

/**
 * Up to this length a body counts as soon as it is announced, and is read at once. A longer one counts as it comes: an announcement
 * alone must not take the place of others.
 */
const READ_AT_ONCE_BYTES_MAX = 64 << 10;

/** The smallest file of gzip: a header of 10 bytes, 2 of data, the checksum and the length at its end. */
const GZIP_BYTES_MIN = 20;

/** What a body must keep to. */
export interface BodyLimits {
  /** The longest body, before and after it is unpacked. */
  readonly bytesMax: number;
  /** Counts what is in memory; nothing is given back here. */
  readonly account: BodyAccount;
}

/**
 * Reads a body to its end.
 *
 * @returns bytes of the caller's.
 * @throws {HttpError} 413 when it is longer, 415 when it is packed in a way that is not known.
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
  try {
    // The transport lets no more through than was declared.
    if (declared === null || Number(declared) > READ_AT_ONCE_BYTES_MAX) return await readStream(request.body, limits);
    account.take(Number(declared));
    return new Uint8Array(await request.arrayBuffer());
  } catch (error) {
    if (error instanceof HttpError || error instanceof ServingError) throw error;
    throw new ServingError(CODE.INVALID_ARGUMENT, "The request's body ended too soon", { cause: error });
  }
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  { bytesMax, account }: BodyLimits,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > bytesMax) throw tooLong(bytesMax);
    account.take(chunk.length);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const gunzipBounded: (packed: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array> = promisify(
  gunzip,
);

async function unpack(packed: Uint8Array, { bytesMax, account }: BodyLimits): Promise<Uint8Array> {
  let roomBytes = Math.max(Math.min(statedLength(packed), bytesMax), 1);
  account.take(roomBytes);
  while (true) {
    try {
      return await gunzipBounded(packed, { maxOutputLength: roomBytes });
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

/** The length of what is packed as the file says at its end, which may be a lie (RFC 1952 section 2.3.1, ISIZE). */
function statedLength(packed: Uint8Array): number {
  if (packed.length < GZIP_BYTES_MIN) return 0;
  return new DataView(packed.buffer, packed.byteOffset).getUint32(packed.length - 4, true);
}

function tooLong(bytesMax: number): HttpError {
  return new HttpError(413, `The request's body is longer than the ${bytesMax} bytes this server takes`);
}
