/**
 * Parses the header lists of gRPC requests and builds the header blocks of replies (the protocol document "gRPC over HTTP2"). Each
 * distinct header list is parsed once.
 *
 * @module
 */
import type { Coding } from "../base/gzip.ts";
import { CODE, type Code, ServingError } from "../base/status.ts";
import { encodeHeaders } from "../http2/hpack/encoder.ts";
import type { HeaderField, RequestHeaders } from "../http2/http2.ts";
import { echoedId, REQUEST_ID_HEADER } from "../base/observed_request.ts";

/** A message encoding this server reads and writes. */
export type MessageEncoding = "identity" | Coding;

/** The parsed header list of a valid request. */
export interface RequestHead {
  readonly path: string;
  /** The call's timeout in milliseconds; Infinity without `grpc-timeout`. */
  readonly timeoutMs: number;
  /** The encoding of compressed messages from the client. */
  readonly encoding: MessageEncoding;
  /** The encoding of replies: that of the client's messages if it accepts that. */
  readonly replyEncoding: MessageEncoding;
  readonly metadata: readonly HeaderField[];
  /** Additional headers of the reply: the request's id if the client sent one. Mostly empty. */
  readonly replyFields: readonly HeaderField[];
}

/** The reply to an invalid header list. */
export interface RefusedHead {
  /** A header block that ends the stream. */
  readonly refusal: Uint8Array;
}

const NO_FIELDS: readonly HeaderField[] = [];

const TIMEOUT_UNITS_MS: Readonly<Record<string, number>> = { H: 3.6e6, M: 6e4, S: 1e3, m: 1, u: 1e-3, n: 1e-6 };

/** Parses a header list. The result is cached in the list. */
export function requestHead(headers: RequestHeaders): RequestHead | RefusedHead {
  const known = headers.derived as RequestHead | RefusedHead | undefined;
  if (known !== undefined) return known;
  const head = readHead(headers);
  headers.derived = head;
  return head;
}

function readHead(headers: RequestHeaders): RequestHead | RefusedHead {
  const field = (name: string): string | undefined =>
    headers.fields.find((candidate) => candidate.name === name)?.value;
  const requestId = echoedId(field(REQUEST_ID_HEADER));
  const replyFields = requestId === undefined ? NO_FIELDS : [{ name: REQUEST_ID_HEADER, value: requestId }];
  if (headers.method !== "POST") return refuseHttp("405", [{ name: "allow", value: "POST" }]);
  const contentType = field("content-type") ?? "";
  if (!/^application\/grpc($|[+;])/i.test(contentType)) return refuseHttp("415", []);
  const encoding = field("grpc-encoding") ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip" && encoding !== "deflate") {
    const error = new ServingError(
      CODE.UNIMPLEMENTED,
      `Message encoding "${encoding}" is not known: use identity, gzip or deflate`,
    );
    const accepted = { name: "grpc-accept-encoding", value: "identity,gzip,deflate" };
    return { refusal: trailersOnly(error, [...replyFields, accepted]) };
  }
  const timeout = field("grpc-timeout");
  const timeoutMs = timeout === undefined ? Infinity : parseTimeoutMs(timeout);
  if (Number.isNaN(timeoutMs)) {
    return { refusal: trailersOnly(new ServingError(CODE.INTERNAL, `Bad grpc-timeout "${timeout}"`), replyFields) };
  }
  const accepted = (field("grpc-accept-encoding") ?? "").split(",").map((name) => name.trim());
  return {
    path: headers.path,
    timeoutMs,
    encoding,
    replyEncoding: accepted.includes(encoding) ? encoding : "identity",
    metadata: headers.fields,
    replyFields,
  };
}

/** @returns milliseconds; NaN if the text is not one to eight digits and a unit. */
function parseTimeoutMs(text: string): number {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match === null ? NaN : Number(match[1]) * (TIMEOUT_UNITS_MS[match[2] as string] as number);
}

function refuseHttp(status: string, fields: readonly HeaderField[]): RefusedHead {
  return { refusal: encodeHeaders([{ name: ":status", value: status }, ...fields]) };
}

const GRPC_CONTENT_TYPE: HeaderField = { name: "content-type", value: "application/grpc" };

const OK_FIELDS: readonly HeaderField[] = [{ name: ":status", value: "200" }, GRPC_CONTENT_TYPE];
const FIELDS: Readonly<Record<MessageEncoding, readonly HeaderField[]>> = {
  identity: OK_FIELDS,
  gzip: [...OK_FIELDS, { name: "grpc-encoding", value: "gzip" }],
  deflate: [...OK_FIELDS, { name: "grpc-encoding", value: "deflate" }],
};
const HEADERS: Readonly<Record<MessageEncoding, Uint8Array>> = {
  identity: encodeHeaders(FIELDS.identity),
  gzip: encodeHeaders(FIELDS.gzip),
  deflate: encodeHeaders(FIELDS.deflate),
};

/** The headers of a reply with messages. */
export function replyHeaders({ replyFields }: RequestHead, encoding: MessageEncoding): Uint8Array {
  if (replyFields.length === 0) return HEADERS[encoding];
  return encodeHeaders([...FIELDS[encoding], ...replyFields]);
}

/** The trailers of a call that succeeded. */
export const TRAILERS_OK = encodeHeaders([{ name: "grpc-status", value: "0" }]);

/** The trailers of a call that failed after its headers were sent. */
export function trailers(error: ServingError): Uint8Array {
  return encodeHeaders(statusFields(error.code, error.message));
}

/** The only header block of a call that failed before anything was sent. */
export function trailersOnly(error: ServingError, fields: readonly HeaderField[] = []): Uint8Array {
  return encodeHeaders([
    { name: ":status", value: "200" },
    GRPC_CONTENT_TYPE,
    ...statusFields(error.code, error.message),
    ...fields,
  ]);
}

/** Longer texts are truncated like TensorFlow Serving does (tensorflow_serving/util/status_util, grpc_status_util.cc). */
const MESSAGE_CHARACTERS_MAX = 1024;

function statusFields(code: Code, message: string): HeaderField[] {
  const text = message.length > MESSAGE_CHARACTERS_MAX
    ? `${message.slice(0, MESSAGE_CHARACTERS_MAX)}...TRUNCATED`
    : message;
  return [
    { name: "grpc-status", value: String(code) },
    { name: "grpc-message", value: percentEncode(text) },
  ];
}

/**
 * Encodes a `grpc-message` as the protocol document requires: UTF-8 with everything but printable ASCII percent-encoded, and `%` too.
 * A space at either end is encoded as well, because header fields must not have one there (RFC 9113 section 8.2.1).
 */
export function percentEncode(text: string): string {
  if (!/[^ -$&-~]|^ | $/.test(text)) return text;
  let encoded = "";
  for (const byte of new TextEncoder().encode(text)) {
    encoded += byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded.replace(/^ | $/g, "%20");
}
