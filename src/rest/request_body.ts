/**
 * A request's body in memory: never more of it than is allowed, unpacked where it came packed.
 *
 * @module
 */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { CODE, ServingError } from "../base/status.ts";
import { HttpError } from "./http_reply.ts";

const NOTHING = new Uint8Array(0);

/**
 * Reads a body to its end.
 *
 * @param bytesMax the longest body, before and after it is unpacked.
 * @returns bytes of the caller's.
 * @throws {HttpError} 413 when it is longer, 415 when it is packed in a way that is not known.
 * @throws {ServingError} INVALID_ARGUMENT when it says it is gzip and is not, or ends too soon.
 */
export async function readBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip" && encoding !== "x-gzip") {
    throw new HttpError(415, `Content-Encoding ${encoding} is not supported: send gzip or identity`);
  }
  const body = await readAll(request, bytesMax);
  return encoding === "identity" ? body : await unpack(body, bytesMax);
}

async function readAll(request: Request, bytesMax: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (Number(declared) > bytesMax) throw tooLong(bytesMax);
  if (request.body === null) return NOTHING;
  try {
    // The transport lets no more through than was declared.
    if (declared !== null) return new Uint8Array(await request.arrayBuffer());
    return await readStream(request.body, bytesMax);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new ServingError(CODE.INVALID_ARGUMENT, "The request's body ended too soon", { cause: error });
  }
}

async function readStream(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > bytesMax) throw tooLong(bytesMax);
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

async function unpack(packed: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  try {
    return await gunzipBounded(packed, { maxOutputLength: bytesMax });
  } catch (error) {
    if (error instanceof RangeError) throw tooLong(bytesMax);
    throw new ServingError(CODE.INVALID_ARGUMENT, "The request's body is marked as gzip and is not", { cause: error });
  }
}

function tooLong(bytesMax: number): HttpError {
  return new HttpError(413, `The request's body is longer than the ${bytesMax} bytes this server takes`);
}
