import assert from "node:assert/strict";
import { ServingError } from "../base/status.ts";
import { WireFields } from "./wire_fields.ts";
import { lengthField, message, numberField } from "./testing/wire_messages.ts";

Deno.test("absent fields have their defaults", () => {
  const fields = new WireFields(message());
  assert.equal(fields.number(1), 0);
  assert.equal(fields.text(1), "");
  assert.deepEqual(fields.texts(1), []);
  assert.equal(fields.view(1), undefined);
  assert.equal(fields.message(1).number(1), 0);
  assert.equal(fields.map(1).size, 0);
});

Deno.test("the last of several values counts, and sub-messages merge", () => {
  const fields = new WireFields(message(
    numberField(1, 5),
    numberField(1, -7),
    lengthField(2, "a"),
    lengthField(2, "b"),
    lengthField(3, numberField(1, 1), lengthField(2, "x")),
    lengthField(3, numberField(1, 2)),
  ));
  assert.equal(fields.number(1), -7);
  assert.equal(fields.text(2), "b");
  assert.deepEqual(fields.texts(2), ["a", "b"]);
  assert.equal(fields.message(3).number(1), 2);
  assert.equal(fields.message(3).text(2), "x");
});

Deno.test("the last of a map's entries with the same key counts", () => {
  const entry = (key: string, value: number) =>
    lengthField(1, lengthField(1, key), lengthField(2, numberField(1, value)));
  const map = new WireFields(message(entry("a", 1), entry("b", 2), entry("a", 3))).map(1);
  assert.deepEqual([...map].map(([key, value]) => [key, value.number(1)]), [["a", 3], ["b", 2]]);
});

Deno.test("bytes that are no message, and text that is not UTF-8, are refused", () => {
  assert.throws(() => new WireFields(message([10, 5, 0])), ServingError);
  assert.throws(() => new WireFields(message(lengthField(1, [0xff]))).text(1), ServingError);
});

Deno.test("too many fields are refused before they fill the memory", () => {
  const bytes = new Uint8Array(200_000);
  for (let i = 0; i < bytes.length; i += 2) bytes[i] = 10;
  assert.throws(() => new WireFields(bytes), /more than 65536 fields/);
});
