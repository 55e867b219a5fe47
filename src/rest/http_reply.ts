/**
 * Replies: bodies with their status, errors as JSON, compression. The one place that maps gRPC codes to HTTP statuses
 * (tensorflow_serving/model_servers/http_server.cc, `ToHTTPStatusCode`).
 *
 * @module
 */
import { promisify } from "node:util";
import { constants, deflate, gzip } from "node:zlib";
import type { Coding } from "../base/gzip.ts";
import { CODE, type Code, type ServingError } from "../base/status.ts";
import { JsonWriter } from "../json/json_writer.ts";

/** What a handler returns. */
export interface Reply {
  readonly status: number;
  /** Text, or bytes that the receiver owns; undefined for none. */
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** default: `application/json`. */
  readonly contentType?: string;
  /** Headers besides, by their names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A failure for which HTTP has a status, and gRPC has no code. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const HTTP_STATUS: Readonly<Record<Code, number>> = {
  [CODE.OK]: 200,
  [CODE.CANCELLED]: 499,
  [CODE.UNKNOWN]: 500,
  [CODE.INVALID_ARGUMENT]: 400,
  [CODE.DEADLINE_EXCEEDED]: 504,
  [CODE.NOT_FOUND]: 404,
  [CODE.ALREADY_EXISTS]: 409,
  [CODE.PERMISSION_DENIED]: 403,
  [CODE.RESOURCE_EXHAUSTED]: 429,
  [CODE.FAILED_PRECONDITION]: 400,
  [CODE.ABORTED]: 409,
  [CODE.OUT_OF_RANGE]: 400,
  [CODE.UNIMPLEMENTED]: 501,
  [CODE.INTERNAL]: 500,
  [CODE.UNAVAILABLE]: 503,
  [CODE.DATA_LOSS]: 500,
  [CODE.UNAUTHENTICATED]: 401,
};

/** Smallest reply that is compressed for a client that accepts that; compressing a smaller one costs more than it saves. */
const COMPRESSED_BYTES_MIN = 32 << 10;

/** Returns the HTTP status of an error. */
export function statusOf(error: ServingError | HttpError): number {
  return error instanceof HttpError ? error.status : HTTP_STATUS[error.code];
}

/** Words an error as `{"error": "…"}` (json_tensor.cc, `MakeJsonFromStatus`). */
export function errorReply(error: ServingError | HttpError): Reply {
  const writer = new JsonWriter();
  writer.startObject();
  writer.name("error");
  writer.string(new TextEncoder().encode(error.message));
  writer.endObject();
  return { status: statusOf(error), body: writer.finish() };
}

/** How a reply becomes a response. */
export interface ReplyOptions {
  /** The request's `Accept-Encoding`. */
  readonly acceptEncoding: string | null;
  /** Added to the response. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Turns a reply into a response, synchronously unless it has to be compressed. */
export function toResponse(
  { status, body, contentType = "application/json", headers: own }: Reply,
  { acceptEncoding, headers: added }: ReplyOptions,
): Response | Promise<Response> {
  const headers = own === undefined ? added : { ...added, ...own };
  if (body === undefined) return new Response(null, { status, headers });
  const all: Record<string, string> = { "content-type": contentType, ...headers };
  // The rest of a body that is late would be taken for the next request (RFC 9110 section 15.5.9).
  if (status === 408) all.connection = "close";
  if (acceptEncoding === null) return new Response(body, { status, headers: all });
  const coding = body.length < COMPRESSED_BYTES_MIN ? undefined : acceptedCoding(acceptEncoding);
  if (coding !== undefined) {
    return compress(body, coding).then((compressed) =>
      new Response(compressed, { status, headers: { ...all, "content-encoding": coding, vary: "accept-encoding" } })
    );
  }
  // Some versions of Deno would otherwise compress it themselves, on the event loop.
  return new Response(body, { status, headers: { ...all, "cache-control": "no-transform" } });
}

/** Turns a reply to GET into one to HEAD: the headers about the body stay (RFC 9110 section 8.6). */
export async function withoutBody(response: Response): Promise<Response> {
  const { byteLength } = await response.arrayBuffer();
  const headers = new Headers(response.headers);
  headers.set("content-length", String(byteLength));
  return new Response(null, { status: response.status, headers });
}

type Compress = (body: string | Uint8Array, options: { level: number }) => Promise<Uint8Array>;

const COMPRESS: Readonly<Record<Coding, Compress>> = { gzip: promisify(gzip), deflate: promisify(deflate) };

async function compress(body: string | Uint8Array, coding: Coding): Promise<Uint8Array<ArrayBuffer>> {
  return await COMPRESS[coding](body, { level: constants.Z_BEST_SPEED }) as Uint8Array<ArrayBuffer>;
}

/** The codings that an `Accept-Encoding` may name, the preferred one first. */
const ACCEPTED: readonly { readonly coding: Coding; readonly regexp: RegExp }[] = [
  { coding: "gzip", regexp: acceptedRegExp("(?:x-)?gzip") },
  { coding: "deflate", regexp: acceptedRegExp("deflate") },
];

/** Matches an item that names a coding and does not refuse it (RFC 9110 section 12.5.3). */
function acceptedRegExp(coding: string): RegExp {
  return new RegExp(`^\\s*${coding}\\s*(;\\s*q=(?!0(\\.0*)?\\s*$).*)?$`, "i");
}

function acceptedCoding(acceptEncoding: string): Coding | undefined {
  const items = acceptEncoding.split(",");
  return ACCEPTED.find(({ regexp }) => items.some((item) => regexp.test(item)))?.coding;
}
