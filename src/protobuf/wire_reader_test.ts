import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { readFieldHead, WIRE, WireReader } from "./wire_reader.ts";
import { lengthField, message, numberField, varint } from "./testing/wire_messages.ts";

function readerOf(...bytes: number[]): WireReader {
  return new WireReader(Uint8Array.from(bytes));
}

function assertMalformed(read: () => unknown, sentence: RegExp): void {
  assert.throws(read, (error) => {
    assert(error instanceof ServingError);
    assert.equal(error.code, CODE.INVALID_ARGUMENT);
    assert.match(error.message, sentence);
    return true;
  });
}

Deno.test("readInt64() is exact: a number within 2^53, a bigint beyond", () => {
  for (const value of [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -1, -(2 ** 53 - 1)]) {
    assert.equal(readerOf(...varint(value)).readInt64(), value);
  }
  for (const value of [2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 53n)]) {
    assert.equal(readerOf(...varint(value)).readInt64(), value);
  }
});

Deno.test("readInt32() keeps the lower 32 bits of a longer number", () => {
  assert.equal(readerOf(...varint(-1)).readInt32(), -1);
  assert.equal(readerOf(...varint(2 ** 32 + 5)).readInt32(), 5);
});

Deno.test("readBool() is true when any of 64 bits is set", () => {
  assert.equal(readerOf(0).readBool(), false);
  assert.equal(readerOf(0x80, 0x00).readBool(), false);
  assert.equal(readerOf(2).readBool(), true);
  assert.equal(readerOf(...varint(2n ** 40n)).readBool(), true);
});

Deno.test("a number that is cut off or has more than ten bytes is refused", () => {
  assertMalformed(() => readerOf().readVarint64(), /a number runs past the end/);
  assertMalformed(() => readerOf(0x80, 0x80).readVarint64(), /a number runs past the end/);
  assertMalformed(() => readerOf(...new Array(10).fill(0x80), 0).readVarint64(), /more than ten bytes/);
});

Deno.test("readTag() refuses the field number 0 and tags of more than 32 bits", () => {
  assertMalformed(() => readerOf(0x02).readTag(), /number 0/);
  assertMalformed(() => readerOf(...varint(2n ** 32n)).readTag(), /a tag has more than 32 bits/);
});

Deno.test("readLength() refuses lengths past the end of the message or sub-message", () => {
  assertMalformed(() => readerOf(2, 0).readLength(), /a field runs past the end/);
  assertMalformed(() => readerOf(...varint(2n ** 32n + 1n), 0, 0).readLength(), /a length has more than 32 bits/);
  const reader = readerOf(2, 5, 0, 0, 0, 0, 0, 0);
  reader.enter();
  assertMalformed(() => reader.readLength(), /a field runs past the end/);
});

Deno.test("readString() returns the same text for the same bytes, and distinguishes names with the same prefix", () => {
  const names = ["", "x", "xy", "input", "inputs", "é", "模型", "🙂", "\ufeffx", "n".repeat(64), "n".repeat(65)];
  for (let round = 0; round < 2; round++) {
    for (const name of names) {
      assert.equal(new WireReader(Uint8Array.from(lengthField(1, name)).subarray(1)).readString(), name);
    }
  }
});

Deno.test("readString() refuses bytes that are not UTF-8", () => {
  assertMalformed(() => readerOf(2, 0xc3, 0x28).readString(), /a string is not UTF-8/);
  assertMalformed(() => readerOf(3, 0xed, 0xa0, 0x80).readString(), /a string is not UTF-8/);
});

Deno.test("readView() borrows the message's bytes", () => {
  const bytes = Uint8Array.of(2, 7, 8);
  const view = new WireReader(bytes).readView();
  assert.equal(view.buffer, bytes.buffer);
  assert.deepEqual([...view], [7, 8]);
});

Deno.test("skip() skips every wire type, and groups with their contents", () => {
  const group = [5 << 3 | WIRE.GROUP_START, ...numberField(1, 300), 6 << 3 | WIRE.GROUP_START];
  const bytes = message(
    numberField(1, 2n ** 63n),
    [2 << 3 | WIRE.FIXED64, 1, 2, 3, 4, 5, 6, 7, 8],
    lengthField(3, "abc"),
    [4 << 3 | WIRE.FIXED32, 1, 2, 3, 4],
    [...group, 6 << 3 | WIRE.GROUP_END, 5 << 3 | WIRE.GROUP_END],
    numberField(7, 1),
  );
  const reader = new WireReader(bytes);
  const fields: number[] = [];
  while (reader.position < reader.limit) {
    const tag = reader.readTag();
    fields.push(tag >>> 3);
    reader.skip(tag);
  }
  assert.deepEqual(fields, [1, 2, 3, 4, 5, 7]);
});

Deno.test("skip() refuses groups that do not end, end twice or nest too deep, and unknown wire types", () => {
  const start = 1 << 3 | WIRE.GROUP_START;
  const end = 1 << 3 | WIRE.GROUP_END;
  const skip = (...bytes: number[]) => () => {
    const reader = readerOf(...bytes);
    reader.skip(reader.readTag());
  };
  assertMalformed(skip(start), /a number runs past the end/);
  assertMalformed(skip(start, 2 << 3 | WIRE.GROUP_END), /a group ends that did not begin/);
  assertMalformed(skip(end), /wire type 4/);
  assertMalformed(skip(1 << 3 | 6), /wire type 6/);
  assertMalformed(skip(...new Array(200).fill(start)), /groups nest too deep/);
  assertMalformed(skip(4 << 3 | WIRE.FIXED32, 1, 2, 3), /a number runs past the end/);
});

Deno.test("readFieldHead() finds a value that reaches past the bytes at hand", () => {
  const long = Uint8Array.from(lengthField(300, "x".repeat(1000)));
  assert.deepEqual(readFieldHead(long.subarray(0, 5)), { field: 300, isDelimited: true, start: 4, bytes: 1000 });
  const number = Uint8Array.from([...numberField(2, -1), 1, 2, 3]);
  assert.deepEqual(readFieldHead(number), { field: 2, isDelimited: false, start: 1, bytes: 10 });
  assert.deepEqual(readFieldHead(Uint8Array.of(3 << 3 | WIRE.FIXED64, 0, 0, 0, 0, 0, 0, 0, 240, 63)).bytes, 8);
});

Deno.test("readFieldHead() refuses a head that is cut short, and the end of a group", () => {
  assertMalformed(() => readFieldHead(Uint8Array.of(0xfa, 0x01)), /a number runs past the end/);
  assertMalformed(() => readFieldHead(Uint8Array.of(0x80)), /a number runs past the end/);
  assertMalformed(() => readFieldHead(Uint8Array.of(1 << 3 | WIRE.GROUP_END)), /wire type 4/);
});
