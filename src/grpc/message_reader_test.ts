import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { MessageBuffers } from "./message_buffers.ts";
import { isOneMessage, messagePrefix, MessageReader } from "./message_reader.ts";
import { span } from "../protobuf/testing/wire_messages.ts";

function framed(text: string, isCompressed = false): Uint8Array {
  const body = new TextEncoder().encode(text);
  return new Uint8Array([...messagePrefix(body.length, isCompressed), ...body]);
}

function rig(bytesMax = 1 << 20): { reader: MessageReader; messages: string[] } {
  const messages: string[] = [];
  const reader = new MessageReader({
    bytesMax,
    buffers: new MessageBuffers({ idleBytesMax: 1 << 20 }),
    onMessage: (message, isCompressed) =>
      messages.push(`${new TextDecoder().decode(message)}${isCompressed ? " (compressed)" : ""}`),
  });
  return { reader, messages };
}

Deno.test("MessageReader finds messages wherever the data is split", () => {
  const data = new Uint8Array([...framed("one"), ...framed(""), ...framed("three", true)]);
  for (let size = 1; size <= data.length; size++) {
    const { reader, messages } = rig();
    for (let at = 0; at < data.length; at += size) reader.push(span(data.subarray(at, at + size)));
    assert.deepEqual(messages, ["one", "", "three (compressed)"], `cut every ${size} bytes`);
    assert.equal(reader.isInside, false);
  }
});

Deno.test("MessageReader detects that the data ends inside a message", () => {
  const { reader } = rig();
  reader.push(span(framed("word").subarray(0, 3)));
  assert.equal(reader.isInside, true);
  reader.push(span(framed("word").subarray(3)));
  assert.equal(reader.isInside, false);
});

Deno.test("MessageReader.room() takes data directly into the message, and never more than is missing", () => {
  const { reader, messages } = rig();
  assert.equal(reader.room(10), undefined);
  const data = framed("abcdef");
  reader.push(span(data.subarray(0, 7)));
  for (const rest of ["cd", "ef"]) {
    const room = reader.room(2);
    assert.equal(room?.length, 2);
    room?.set(new TextEncoder().encode(rest));
    reader.filled(2);
  }
  assert.deepEqual(messages, ["abcdef"]);
  assert.equal(reader.room(10), undefined);
  reader.push(span(framed("gh").subarray(0, 5)));
  assert.equal(reader.room(1000)?.length, 2);
});

Deno.test("MessageReader grows a large message as its data arrives, and keeps every byte", () => {
  const bytes = 5_000_011;
  const sent = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i += 97) sent[i] = i % 251;
  let got: Uint8Array | undefined;
  const buffers = new MessageBuffers({ idleBytesMax: 1 << 20 });
  const reader = new MessageReader({ bytesMax: bytes, buffers, onMessage: (message) => got = message });
  reader.push(span(messagePrefix(bytes, false).slice()));
  for (let at = 0; at < bytes;) {
    const room = reader.room(777_777) as Uint8Array;
    room.set(sent.subarray(at, at + room.length));
    at += room.length;
    reader.filled(room.length);
  }
  assert(got !== undefined && got.length === bytes);
  assert.equal(
    Math.max(...[0, 97, 1_048_575, 1_048_600, bytes - 1].map((i) => Math.abs((got?.[i] ?? 0) - (sent[i] ?? 0)))),
    0,
  );
});

Deno.test("MessageReader aligns the place found in a large message, in new, reused and grown memory", () => {
  const buffers = new MessageBuffers({ idleBytesMax: 64 << 20 });
  for (const bytes of [70_000, 1_500_000]) {
    const sent = Uint8Array.from({ length: bytes }, (_, i) => i % 251);
    for (let place = 0; place < 40; place++) {
      const messages: Uint8Array[] = [];
      const reader = new MessageReader({
        bytesMax: bytes,
        buffers,
        onMessage: (message) => messages.push(message),
        findAligned: ({ bytes: head, start, end }, length) => {
          assert.equal(length, bytes);
          assert.deepEqual(head.slice(start, end), sent.slice(0, 1000));
          return place;
        },
      });
      reader.push(span(new Uint8Array([...messagePrefix(bytes, false), ...sent.subarray(0, 1000)])));
      for (let at = 1000; at < bytes;) {
        const room = reader.room(777_777) as Uint8Array;
        room.set(sent.subarray(at, at + room.length));
        at += room.length;
        reader.filled(room.length);
      }
      const [message] = messages as [Uint8Array];
      assert.equal((message.byteOffset + place) % 16, 0);
      assert.deepEqual(message, sent);
      if (place % 2 === 0) buffers.giveBack(message);
    }
  }
});

Deno.test("MessageReader aligns nothing in a compressed message", () => {
  const reader = new MessageReader({
    bytesMax: 1 << 20,
    buffers: new MessageBuffers({ idleBytesMax: 0 }),
    onMessage: () => {},
    findAligned: () => assert.fail("looked"),
  });
  reader.push(span(messagePrefix(100_000, true).slice()));
  assert.equal(reader.room(10)?.byteOffset, 0);
});

Deno.test("MessageReader does not allocate on the strength of a prefix", () => {
  const { reader } = rig(2 ** 31 - 1);
  const before = Deno.memoryUsage().external;
  reader.push(span(messagePrefix(2 ** 31 - 1, false).slice()));
  assert(Deno.memoryUsage().external - before < 8 << 20);
});

Deno.test("MessageReader refuses a message that is too long, and an invalid flag", () => {
  const tooLong = (error: unknown) => error instanceof ServingError && error.code === CODE.RESOURCE_EXHAUSTED;
  assert.throws(() => rig(3).reader.push(span(framed("four"))), tooLong);
  rig(4).reader.push(span(framed("four")));
  assert.throws(() => rig().reader.push(span(new Uint8Array([2, 0, 0, 0, 0]))), /flag is 2, expected 0 or 1/);
});

Deno.test("isOneMessage() holds for a whole message and nothing else", () => {
  assert(isOneMessage(span(framed(""))));
  assert(isOneMessage(span(framed("abc"))));
  assert(!isOneMessage(span(framed("abc").subarray(0, 7))));
  assert(!isOneMessage(span(new Uint8Array([...framed("abc"), 0]))));
  assert(!isOneMessage(span(new Uint8Array(4))));
  assert(!isOneMessage(span(new Uint8Array([2, 0, 0, 0, 0]))));
});

Deno.test("MessageReader reads into a reused buffer, and returns no more of it than the message", () => {
  const buffers = new MessageBuffers({ idleBytesMax: 1 << 20 });
  const used = new Uint8Array(100_000).fill(9);
  buffers.giveBack(used);
  const messages: Uint8Array[] = [];
  const reader = new MessageReader({ bytesMax: 1 << 20, buffers, onMessage: (message) => messages.push(message) });
  for (let round = 0; round < 2; round++) {
    reader.push(span(messagePrefix(70_000, false).slice()));
    reader.push(span(new Uint8Array(70_000).fill(round)));
  }
  assert.deepEqual(messages.map((message) => message.length), [70_000, 70_000]);
  assert.equal(messages[0]?.buffer, used.buffer);
  assert.notEqual(messages[1]?.buffer, used.buffer);
  assert(messages.every((message, round) => message.every((byte) => byte === round)));
});
