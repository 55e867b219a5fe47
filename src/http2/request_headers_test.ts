import assert from "node:assert/strict";
import type { HeaderField } from "./http2.ts";
import { areTrailers, checkRequest } from "./request_headers.ts";

function list(text: string): HeaderField[] {
  return text.split("\n").map((line) => {
    const [, name = "", value = ""] = /^(:?[^:]*): ?(.*)$/.exec(line.trim()) ?? [];
    return { name, value };
  });
}

const REQUEST = `:method: POST
  :scheme: http
  :path: /a
  :authority: localhost:1`;

Deno.test("checkRequest() splits off pseudo-header fields and keeps the others in order", () => {
  const headers = checkRequest(list(`${REQUEST}\nte: trailers\nx-b: 2\nx-a: \nx-b: 1`));
  assert.deepEqual({ ...headers }, {
    method: "POST",
    scheme: "http",
    path: "/a",
    authority: "localhost:1",
    fields: list("te: trailers\nx-b: 2\nx-a: \nx-b: 1"),
    contentLength: -1,
    derived: undefined,
  });
});

Deno.test("checkRequest() reads a content-length, given once or twice", () => {
  assert.equal(checkRequest(list(`${REQUEST}\ncontent-length: 12`))?.contentLength, 12);
  assert.equal(checkRequest(list(`${REQUEST}\ncontent-length: 12\ncontent-length: 12`))?.contentLength, 12);
  for (const value of ["-1", "1,1", "", "0x1", "9999999999999999"]) {
    assert.equal(checkRequest(list(`${REQUEST}\ncontent-length: ${value}`)), undefined, value);
  }
  assert.equal(checkRequest(list(`${REQUEST}\ncontent-length: 12\ncontent-length: 13`)), undefined);
});

Deno.test("checkRequest() takes the authority from host if there is no other", () => {
  const withoutAuthority = ":method: GET\n:scheme: http\n:path: /";
  assert.equal(checkRequest(list(`${withoutAuthority}\nhost: there`))?.authority, "there");
  assert.equal(checkRequest(list(withoutAuthority))?.authority, "");
  assert.equal(checkRequest(list(`${REQUEST}\nhost: LOCALHOST:1`))?.authority, "localhost:1");
});

Deno.test("checkRequest() accepts the targets of OPTIONS and CONNECT", () => {
  assert.equal(checkRequest(list(":method: OPTIONS\n:scheme: http\n:path: *"))?.path, "*");
  assert.equal(checkRequest(list(":method: CONNECT\n:authority: there:1"))?.authority, "there:1");
  assert.equal(checkRequest(list(":method: GET\n:scheme: http\n:path: *")), undefined);
  assert.equal(checkRequest(list(":method: CONNECT\n:authority: there:1\n:path: /")), undefined);
  assert.equal(checkRequest(list(":method: CONNECT")), undefined);
});

Deno.test("checkRequest() refuses what RFC 9113 section 8 calls malformed", () => {
  for (
    const text of [
      ":scheme: http\n:path: /",
      ":method: GET\n:path: /",
      ":method: GET\n:scheme: http",
      ":method: GET\n:scheme: http\n:path:",
      ":method: GET\n:scheme: http\n:path: a",
      ":method: G T\n:scheme: http\n:path: /",
      ":method: GET\n:scheme: http\n:path: /\n:authority: me@there",
      `${REQUEST}\n:path: /`,
      `${REQUEST}\n:status: 200`,
      `${REQUEST}\n:unknown: 1`,
      `x: 1\n${REQUEST}`,
      `${REQUEST}\nx: 1\n:authority: localhost`,
      `${REQUEST}\nhost: elsewhere`,
      `${REQUEST}\nhost: localhost:1\nhost: localhost:1`,
      `${REQUEST}\nX-Upper: 1`,
      `${REQUEST}\nx y: 1`,
      `${REQUEST}\nconnection: close`,
      `${REQUEST}\nkeep-alive: 1`,
      `${REQUEST}\nproxy-connection: close`,
      `${REQUEST}\ntransfer-encoding: chunked`,
      `${REQUEST}\nupgrade: h2c`,
      `${REQUEST}\nte: gzip`,
    ]
  ) assert.equal(checkRequest(list(text)), undefined, text);
});

Deno.test("checkRequest() refuses control characters and blanks at the ends of values", () => {
  for (const value of ["a\nb", "a\rb", "a\0b", " a", "a ", "\ta", "a\t"]) {
    assert.equal(checkRequest([...list(REQUEST), { name: "x", value }]), undefined, JSON.stringify(value));
  }
  assert.equal(checkRequest([...list(REQUEST), { name: "", value: "a" }]), undefined);
  assert.notEqual(checkRequest([...list(REQUEST), { name: "x", value: "a \t\u00ff b" }]), undefined);
});

Deno.test("areTrailers() accepts regular fields only", () => {
  assert.equal(areTrailers(list("grpc-status: 0\nx: y")), true);
  assert.equal(areTrailers([]), true);
  assert.equal(areTrailers(list(":path: /")), false);
  assert.equal(areTrailers(list("connection: close")), false);
});
