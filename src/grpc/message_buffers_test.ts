import assert from "node:assert/strict";
import { copyMessage, MessageBuffers } from "./message_buffers.ts";
import { span } from "../protobuf/testing/wire_messages.ts";

const KB = 1024;

Deno.test("MessageBuffers reuses a buffer that fits and is not far too large", () => {
  const buffers = new MessageBuffers({ idleBytesMax: 10_000 * KB });
  const buffer = new Uint8Array(300 * KB);
  buffers.giveBack(buffer.subarray(0, 250 * KB));
  assert.equal(buffers.takeIdle(301 * KB), undefined);
  assert.equal(buffers.takeIdle(100 * KB), undefined);
  assert.equal(buffers.takeIdle(200 * KB)?.buffer, buffer.buffer);
  assert.equal(buffers.takeIdle(200 * KB), undefined);
});

Deno.test("MessageBuffers leaves small messages to the heap", () => {
  const buffers = new MessageBuffers({ idleBytesMax: 10_000 * KB });
  buffers.giveBack(new Uint8Array(KB));
  assert.equal(buffers.takeIdle(KB), undefined);
});

Deno.test("MessageBuffers keeps no more than its bound, the newest first", () => {
  const buffers = new MessageBuffers({ idleBytesMax: 250 * KB });
  const [first, second, third] = [new Uint8Array(100 * KB), new Uint8Array(100 * KB), new Uint8Array(100 * KB)];
  for (const buffer of [first, second, third, new Uint8Array(251 * KB)]) buffers.giveBack(buffer as Uint8Array);
  assert.equal(buffers.takeIdle(100 * KB)?.buffer, third?.buffer);
  assert.equal(buffers.takeIdle(100 * KB)?.buffer, second?.buffer);
  assert.equal(buffers.takeIdle(100 * KB), undefined);
});

Deno.test("copyMessage() gives each message word-aligned bytes of its own", () => {
  const copies = Array.from({ length: 3000 }, (_, i) => {
    const chunk = new Uint8Array(5 + i % 200).fill(i);
    const given = span(chunk);
    const copy = copyMessage(given, 5);
    given.bytes.fill(255);
    return copy;
  });
  for (const [i, copy] of copies.entries()) {
    assert.equal(copy.length, i % 200);
    assert.equal(copy.byteOffset % 8, 0);
    assert(copy.every((byte) => byte === (i & 255)));
  }
});

Deno.test("copyMessage() never gives a slab to the buffers of large messages", () => {
  const buffers = new MessageBuffers({ idleBytesMax: 10_000 * KB });
  const small = copyMessage(span(new Uint8Array(100)), 5);
  buffers.giveBack(small);
  assert.equal(buffers.takeIdle(64 * KB), undefined);
  assert.equal(copyMessage(span(new Uint8Array(20_000)), 5).buffer.byteLength, 19_995);
});
