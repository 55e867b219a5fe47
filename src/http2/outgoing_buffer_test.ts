import assert from "node:assert/strict";
import { OutgoingBuffer } from "./outgoing_buffer.ts";

function append(buffer: OutgoingBuffer, bytes: Uint8Array): void {
  const at = buffer.reserve(bytes.length);
  buffer.bytes.set(bytes, at);
}

Deno.test("OutgoingBuffer.take() lends what was appended, while more is appended", () => {
  const buffer = new OutgoingBuffer();
  append(buffer, Uint8Array.of(1, 2));
  append(buffer, Uint8Array.of(3));
  const taken = buffer.take();
  append(buffer, Uint8Array.of(4));
  assert.deepEqual(taken, Uint8Array.of(1, 2, 3));
  assert.equal(buffer.length, 1);
  buffer.release();
  assert.deepEqual(buffer.take(), Uint8Array.of(4));
  assert.throws(() => buffer.take(), /This is a bug/);
});

Deno.test("OutgoingBuffer.reserve() keeps the content when it grows", () => {
  const buffer = new OutgoingBuffer();
  append(buffer, Uint8Array.of(7));
  append(buffer, new Uint8Array(1_000_000).fill(8));
  const taken = buffer.take();
  assert.equal(taken.length, 1_000_001);
  assert.deepEqual([taken[0], taken[1], taken.at(-1)], [7, 8, 8]);
});

Deno.test("OutgoingBuffer.trim() shrinks both buffers once little goes through them, and loses nothing", () => {
  const buffer = new OutgoingBuffer();
  for (let i = 0; i < 2; i++) {
    append(buffer, new Uint8Array(1_000_000));
    buffer.take();
    buffer.release();
  }
  buffer.trim();
  assert.ok(buffer.bytes.length >= 1_000_000);
  append(buffer, Uint8Array.of(1, 2, 3));
  buffer.trim();
  assert.ok(buffer.bytes.length < 100_000);
  assert.deepEqual(buffer.take(), Uint8Array.of(1, 2, 3));
  buffer.release();
  assert.ok(buffer.bytes.length < 100_000);
});
