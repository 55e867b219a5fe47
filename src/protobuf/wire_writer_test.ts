import assert from "node:assert/strict";
import { joinParts } from "../base/bytes.ts";
import { WIRE } from "./wire_reader.ts";
import { lengthField, message, numberField, varint } from "./testing/wire_messages.ts";
import { WireWriter } from "./wire_writer.ts";

function written(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  write(writer);
  const bytes = joinParts(writer.finish());
  assert.equal(bytes.length, writer.length);
  return bytes;
}

Deno.test("numbers are written as the shortest varint, negative ones with ten bytes", () => {
  for (const value of [0, 1, 127, 128, 16383, 16384, 2 ** 21 - 1, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 32 - 1]) {
    assert.deepEqual([...written((writer) => writer.writeUint32(value))], varint(value));
  }
  for (const value of [5, 2 ** 32, 2 ** 53 - 1, -1, -300, 2n ** 63n - 1n, -(2n ** 63n)]) {
    assert.deepEqual([...written((writer) => writer.writeInt64(value))], varint(value));
  }
});

Deno.test("strings of all lengths are written as UTF-8", () => {
  for (
    const text of ["", "x", "serving_default", "é", "ab模型cd", "🙂", "n".repeat(64), "é".repeat(64), "n".repeat(5000)]
  ) {
    assert.deepEqual(written((writer) => writer.writeText(text)), new TextEncoder().encode(text));
  }
});

Deno.test("fields appear in the reverse order of their writing, without defaults", () => {
  const bytes = written((writer) => {
    writer.writeMessageField(4, () => {});
    writer.writeTextField(3, "c");
    writer.writeTextField(9, "");
    writer.writeNumberField(2, -5);
    writer.writeNumberField(9, 0);
    writer.writeMessageField(1, () => writer.writeTextField(1, "a"));
  });
  assert.deepEqual(
    bytes,
    message(lengthField(1, lengthField(1, "a")), numberField(2, -5), lengthField(3, "c"), lengthField(4)),
  );
});

Deno.test("long bytes are returned as the same view, between the parts around them", () => {
  const [first, second] = [new Uint8Array(5000).fill(1), new Uint8Array(3000).fill(2)];
  const writer = new WireWriter();
  for (const bytes of [second, first]) {
    const end = writer.length;
    writer.writeBytes(bytes);
    writer.writeLength(end);
    writer.writeTag(1 << 3 | WIRE.LENGTH);
  }
  const parts = writer.finish();
  assert.equal(parts.length, 4);
  assert.equal(parts[1], first);
  assert.equal(parts[3], second);
  assert.deepEqual(joinParts(parts), message(lengthField(1, first), lengthField(1, second)));
});

Deno.test("begin() starts a new message after any other", () => {
  const writer = new WireWriter();
  for (const bytes of [new Uint8Array(3000), new Uint8Array(10)]) {
    writer.begin();
    writer.writeBytes(bytes);
    assert.equal(writer.length, bytes.length);
    assert.deepEqual(joinParts(writer.finish()), bytes);
  }
});

Deno.test("a message may outgrow the scratch buffer, also with borrowed views", () => {
  const borrowed = new Uint8Array(4000).fill(9);
  const bytes = written((writer) => {
    for (let i = 9999; i >= 0; i--) {
      writer.writeTextField(1, "0123456789");
      if (i === 5000) writer.writeBytes(borrowed);
    }
  });
  const field = lengthField(1, "0123456789");
  assert.equal(bytes.length, 10_000 * field.length + borrowed.length);
  assert.deepEqual([...bytes.subarray(0, field.length)], field);
  assert.deepEqual([...bytes.subarray(-field.length)], field);
  assert.deepEqual(bytes.subarray(5000 * field.length, 5000 * field.length + 4000), borrowed);
});

Deno.test("finish() returns the last message, whatever the length of the one before", () => {
  const writer = new WireWriter();
  const write = (text: string, borrowed = new Uint8Array(0)) => {
    writer.begin();
    writer.writeBytes(borrowed);
    // By pieces that are too short to be borrowed, so that scratch memory grows.
    for (let end = text.length; end > 0; end -= 1000) {
      writer.writeBytes(new TextEncoder().encode(text.slice(Math.max(0, end - 1000), end)));
    }
    const bytes = joinParts(writer.finish());
    assert.equal(new TextDecoder().decode(bytes.subarray(0, text.length)), text);
    assert.equal(bytes.length, text.length + borrowed.length);
  };
  for (const text of ["one", "two", "three", "four", "x".repeat(12_000), "y".repeat(12_000), "six"]) write(text);
  write("z".repeat(40_000), new Uint8Array(3000));
  for (const text of ["ten", "x".repeat(50_000), "y".repeat(50_000)]) write(text);
});
