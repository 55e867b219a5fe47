/**
 * Validates the header lists of requests and trailers against RFC 9113 section 8.
 *
 * @module
 */
import type { HeaderField, RequestHeaders } from "./http2.ts";

/** Lower-case tokens (RFC 9110 section 5.6.2); the colon of a pseudo-header is checked before. */
const NAME_REGEXP = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** NUL, CR or LF anywhere, or a blank at either end (RFC 9113 section 8.2.1). */
const BAD_VALUE_REGEXP = /[\0\r\n]|^[ \t]|[ \t]$/;
const CONTENT_LENGTH_REGEXP = /^\d{1,15}$/;

/** Connection-specific fields of HTTP/1 (RFC 9113 section 8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** {@link RequestHeaders} with what the connection needs of them. */
export interface CheckedHeaders extends RequestHeaders {
  /** The content-length in bytes; -1 if there is none. */
  readonly contentLength: number;
}

/** Converts a header list into a request's headers; undefined if it is malformed (RFC 9113 section 8.1.1). */
export function checkRequest(list: readonly HeaderField[]): CheckedHeaders | undefined {
  const pseudo = new Map<string, string>();
  let contentLength = -1;
  let host: string | undefined;
  let i = 0;
  for (let field = list[i]; field?.name.startsWith(":"); field = list[++i]) {
    if (pseudo.has(field.name) || BAD_VALUE_REGEXP.test(field.value)) return undefined;
    pseudo.set(field.name, field.value);
  }
  const fields = list.slice(i);
  for (const field of fields) {
    if (!isRegularField(field)) return undefined;
    if (field.name === "host") {
      if (host !== undefined) return undefined;
      host = field.value;
    } else if (field.name === "content-length") {
      if (!CONTENT_LENGTH_REGEXP.test(field.value)) return undefined;
      const value = Number(field.value);
      if (contentLength >= 0 && contentLength !== value) return undefined;
      contentLength = value;
    }
  }
  const target = checkTarget(pseudo, host);
  return target && { ...target, fields, contentLength, derived: undefined };
}

/** Whether a header list has regular fields only, as trailers must. */
export function areTrailers(list: readonly HeaderField[]): boolean {
  return list.every(isRegularField);
}

type Target = Pick<RequestHeaders, "method" | "scheme" | "authority" | "path">;

function checkTarget(pseudo: ReadonlyMap<string, string>, host: string | undefined): Target | undefined {
  const method = pseudo.get(":method");
  const scheme = pseudo.get(":scheme");
  const path = pseudo.get(":path");
  const authority = pseudo.get(":authority");
  for (const name of pseudo.keys()) {
    if (name !== ":method" && name !== ":scheme" && name !== ":path" && name !== ":authority") return undefined;
  }
  if (method === undefined || !isToken(method)) return undefined;
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) return undefined;
  if (authority?.includes("@")) return undefined;
  if (method === "CONNECT") {
    if (scheme !== undefined || path !== undefined || !authority) return undefined;
    return { method, scheme: "", authority, path: "" };
  }
  if (!scheme || path === undefined) return undefined;
  if (!path.startsWith("/") && !(path === "*" && method === "OPTIONS")) return undefined;
  return { method, scheme, authority: authority ?? host ?? "", path };
}

function isToken(text: string): boolean {
  return NAME_REGEXP.test(text.toLowerCase());
}

function isRegularField(field: HeaderField): boolean {
  const { name, value } = field;
  if (!NAME_REGEXP.test(name) || BAD_VALUE_REGEXP.test(value)) return false;
  return name === "te" ? value.toLowerCase() === "trailers" : !CONNECTION_FIELDS.has(name);
}
