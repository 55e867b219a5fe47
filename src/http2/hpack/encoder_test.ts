import assert from "node:assert/strict";
import { HpackDecoder } from "./decoder.ts";
import { encodeHeaders } from "./encoder.ts";
import { STATIC_TABLE } from "./static_table.ts";

Deno.test("encodeHeaders() sends fields of the static table by index", () => {
  assert.deepEqual(encodeHeaders(STATIC_TABLE), Uint8Array.from(STATIC_TABLE, (_, i) => 0x80 | (i + 1)));
});

Deno.test("encodeHeaders() sends a known name by its first index, without entering a table", () => {
  const block = encodeHeaders([{ name: ":status", value: "431" }]);
  assert.deepEqual(block, Uint8Array.of(0x08, 3, 0x34, 0x33, 0x31));
});

Deno.test("encodeHeaders() makes blocks that decode to the same list and change no table", () => {
  const decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 1_000_000, fieldsMax: 1000 });
  const fields = [0, 1, 14, 15, 126, 127, 128, 254, 255, 256, 16_383, 16_510, 20_000].map((length) => ({
    name: `x-${length}`,
    value: "v".repeat(length),
  }));
  const { generation } = decoder;
  assert.deepEqual(decoder.decode(encodeHeaders([...fields, { name: "content-type", value: "text/plain" }])), [
    ...fields,
    { name: "content-type", value: "text/plain" },
  ]);
  assert.equal(decoder.generation, generation);
});

Deno.test("encodeHeaders() refuses characters beyond a byte", () => {
  assert.throws(() => encodeHeaders([{ name: "x", value: "€" }]), /character code 8364.*This is a bug/);
});
