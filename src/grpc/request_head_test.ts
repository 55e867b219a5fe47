import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { HpackDecoder } from "../http2/hpack/decoder.ts";
import type { RequestHeaders } from "../http2/http2.ts";
import { percentEncode, replyHeaders, type RequestHead, requestHead, trailersOnly } from "./request_head.ts";

function headers(fields: Record<string, string>, method = "POST"): RequestHeaders {
  return {
    method,
    scheme: "http",
    authority: "localhost",
    path: "/a.B/C",
    fields: Object.entries({ "content-type": "application/grpc", ...fields }).map(([name, value]) => ({ name, value })),
    derived: undefined,
  };
}

function accepted(fields: Record<string, string>): RequestHead {
  const head = requestHead(headers(fields));
  assert(!("refusal" in head));
  return head;
}

Deno.test("requestHead() reads each unit of grpc-timeout", () => {
  const cases = { "1H": 3_600_000, "2M": 120_000, "3S": 3000, "4m": 4, "5000u": 5, "6000000n": 6 };
  for (const [text, ms] of Object.entries(cases)) assert.equal(accepted({ "grpc-timeout": text }).timeoutMs, ms);
  assert.equal(accepted({}).timeoutMs, Infinity);
});

Deno.test("requestHead() parses a header list once", () => {
  const list = headers({});
  assert.equal(requestHead(list), requestHead(list));
});

Deno.test("requestHead() compresses replies to clients that compress and accept the same", () => {
  for (const coding of ["gzip", "deflate"]) {
    const both = { "grpc-encoding": coding, "grpc-accept-encoding": `identity, ${coding}` };
    assert.equal(accepted(both).replyEncoding, coding);
    assert.equal(accepted({ "grpc-encoding": coding }).replyEncoding, "identity");
    assert.equal(accepted({ "grpc-accept-encoding": coding }).replyEncoding, "identity");
  }
});

function refusedWith(list: RequestHeaders): Record<string, string> {
  const head = requestHead(list);
  assert("refusal" in head);
  return decoded(head.refusal);
}

function decoded(block: Uint8Array): Record<string, string> {
  const fields = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 65536, fieldsMax: 100 }).decode(block);
  assert(fields !== undefined);
  return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
}

Deno.test("requestHead() refuses requests that are not gRPC with an HTTP status", () => {
  assert.equal(refusedWith(headers({}, "GET"))[":status"], "405");
  for (const type of ["application/json", "application/grpcx", ""]) {
    assert.equal(refusedWith(headers({ "content-type": type }))[":status"], "415");
  }
  for (const type of ["application/grpc+proto", "application/grpc;charset=utf-8"]) accepted({ "content-type": type });
});

Deno.test("requestHead() refuses unknown encodings and bad timeouts with a gRPC status", () => {
  const encoding = refusedWith(headers({ "grpc-encoding": "snappy" }));
  assert.equal(encoding["grpc-status"], String(CODE.UNIMPLEMENTED));
  assert.equal(encoding["grpc-accept-encoding"], "identity,gzip,deflate");
  for (const text of ["", "1", "S", "-1S", "123456789S", "1s", "1.5S"]) {
    assert.equal(refusedWith(headers({ "grpc-timeout": text }))["grpc-status"], String(CODE.INTERNAL));
  }
});

Deno.test("replyHeaders() repeats a valid id of the request", () => {
  for (const id of ["a", "7f1c-~!", "x".repeat(128)]) {
    const head = accepted({ "x-request-id": id });
    assert.equal(decoded(replyHeaders(head, "identity"))["x-request-id"], id);
    const { "x-request-id": echoed, "grpc-encoding": encoding } = decoded(replyHeaders(head, "gzip"));
    assert.deepEqual([echoed, encoding], [id, "gzip"]);
  }
  for (const id of ["", "a b", "ü", "x".repeat(129)]) {
    assert.equal(
      decoded(replyHeaders(accepted({ "x-request-id": id }), "identity"))["x-request-id"],
      undefined,
    );
  }
  const [a, b] = [accepted({}), accepted({ "x-other": "1" })];
  assert.equal(replyHeaders(a, "identity"), replyHeaders(b, "identity"), "nothing is made anew");
});

Deno.test("requestHead() repeats the request's id when it refuses", () => {
  for (const wrong of [{ "grpc-encoding": "snappy" }, { "grpc-timeout": "1" }]) {
    assert.equal(refusedWith(headers({ ...wrong, "x-request-id": "abc" }))["x-request-id"], "abc");
  }
});

Deno.test("percentEncode() leaves printable ASCII and encodes the rest as UTF-8", () => {
  assert.equal(percentEncode("plain: {a,b} ~"), "plain: {a,b} ~");
  assert.equal(percentEncode("100%\n"), "100%25%0A");
  assert.equal(percentEncode("ü€😀\x7f"), "%C3%BC%E2%82%AC%F0%9F%98%80%7F");
  assert.equal(percentEncode(" a b "), "%20a b%20");
});

Deno.test("trailersOnly() truncates long texts like TensorFlow Serving", () => {
  const block = decoded(trailersOnly(new ServingError(CODE.NOT_FOUND, "x".repeat(2000))));
  assert.equal(block["grpc-message"], `${"x".repeat(1024)}...TRUNCATED`);
  assert.equal(block["grpc-status"], "5");
});
