import assert from "node:assert/strict";
import { CODE } from "../base/status.ts";
import { concat, field, servingError } from "../model/testing/loading.ts";
import { ProtobufMessage } from "./file_messages.ts";

Deno.test("ProtobufMessage hands out texts, messages and maps and passes over numbers", () => {
  const message = new ProtobufMessage(concat([
    field(1, 300),
    field(2, "first"),
    Uint8Array.of(3 << 3 | 5, 0, 0, 128, 63),
    Uint8Array.of(4 << 3 | 1, 0, 0, 0, 0, 0, 0, 240, 63),
    field(2, "last"),
    field(5, [field(1, "key"), field(2, [field(1, "value")])]),
    field(5, [field(1, "empty")]),
  ]));
  assert.equal(message.text(2), "last");
  assert.deepEqual(message.texts(2), ["first", "last"]);
  assert.equal(message.view(1), undefined);
  assert.equal(message.text(9), "");
  assert.deepEqual([...message.map(5)].map(([key, value]) => [key, value.text(1)]), [["key", "value"], ["empty", ""]]);
});

Deno.test("ProtobufMessage refuses what is cut short, too long or a group", () => {
  const whole = field(1, "twelve bytes");
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => new ProtobufMessage(whole.subarray(0, length)), servingError(CODE.DATA_LOSS, /no protobuf/));
  }
  assert.throws(() => new ProtobufMessage(Uint8Array.of(1 << 3 | 3)), servingError(CODE.DATA_LOSS, /no protobuf/));
  assert.throws(() => new ProtobufMessage(new Uint8Array(11).fill(0xff)), servingError(CODE.DATA_LOSS, /no protobuf/));
});
