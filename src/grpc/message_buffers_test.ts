import assert from "node:assert/strict";
import { MessageBuffers } from "./message_buffers.ts";

const KB = 1024;

Deno.test("MessageBuffers hands out what was given back when it fits and is not far too large", () => {
  const buffers = new MessageBuffers({ idleBytesMax: 10_000 * KB });
  const buffer = new Uint8Array(300 * KB);
  buffers.giveBack(buffer.subarray(0, 5));
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
