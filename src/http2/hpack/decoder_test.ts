import assert from "node:assert/strict";
import { ConnectionError, ERROR_CODE } from "../frames.ts";
import { HpackDecoder, type HpackDecoderOptions } from "./decoder.ts";
import { encodeHeaders } from "./encoder.ts";

function decoder(options: Partial<HpackDecoderOptions> = {}): HpackDecoder {
  return new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 16_384, fieldsMax: 128, ...options });
}

function pairs(decoder: HpackDecoder, hex: string): string[][] | undefined {
  return decoder.decode(Uint8Array.fromHex(hex.replaceAll(" ", "")))?.map(({ name, value }) => [name, value]);
}

function assertCompressionError(decoder: HpackDecoder, hex: string): void {
  assert.throws(
    () => pairs(decoder, hex),
    (error) => error instanceof ConnectionError && error.code === ERROR_CODE.COMPRESSION_ERROR,
    hex,
  );
}

const FIRST = [[":method", "GET"], [":scheme", "http"], [":path", "/"], [":authority", "www.example.com"]];
const SECOND = [...FIRST, ["cache-control", "no-cache"]];
const THIRD = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];

Deno.test("HpackDecoder.decode() decodes the single fields of RFC 7541 C.2", () => {
  const one = decoder();
  assert.deepEqual(pairs(one, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"), [[
    "custom-key",
    "custom-header",
  ]]);
  assert.equal(one.tableBytes, 55);
  assert.deepEqual(pairs(decoder(), "040c 2f73 616d 706c 652f 7061 7468"), [[":path", "/sample/path"]]);
  assert.deepEqual(pairs(decoder(), "1008 7061 7373 776f 7264 0673 6563 7265 74"), [["password", "secret"]]);
  assert.deepEqual(pairs(decoder(), "82"), [[":method", "GET"]]);
});

Deno.test("HpackDecoder.decode() decodes the requests without Huffman code of RFC 7541 C.3", () => {
  const one = decoder();
  assert.deepEqual(pairs(one, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"), FIRST);
  assert.equal(one.tableBytes, 57);
  assert.deepEqual(pairs(one, "8286 84be 5808 6e6f 2d63 6163 6865"), SECOND);
  assert.equal(one.tableBytes, 110);
  assert.deepEqual(pairs(one, "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"), THIRD);
  assert.equal(one.tableBytes, 164);
});

Deno.test("HpackDecoder.decode() decodes the requests with Huffman code of RFC 7541 C.4", () => {
  const one = decoder();
  assert.deepEqual(pairs(one, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"), FIRST);
  assert.deepEqual(pairs(one, "8286 84be 5886 a8eb 1064 9cbf"), SECOND);
  assert.deepEqual(pairs(one, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"), THIRD);
  assert.equal(one.tableBytes, 164);
});

Deno.test("HpackDecoder.decode() evicts as in the responses of RFC 7541 C.5 and C.6", () => {
  const date = "Mon, 21 Oct 2013 20:13:21 GMT";
  const laterDate = "Mon, 21 Oct 2013 20:13:22 GMT";
  const location = ["location", "https://www.example.com"];
  const first = [[":status", "302"], ["cache-control", "private"], ["date", date], location];
  const second = [[":status", "307"], ["cache-control", "private"], ["date", date], location];
  const third = [
    [":status", "200"],
    ["cache-control", "private"],
    ["date", laterDate],
    location,
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ];
  const plain = decoder({ tableBytesMax: 256 });
  // A table size update to 256 stands in for the setting of the examples.
  assert.deepEqual(
    pairs(
      plain,
      "3fe101 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120" +
        "474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    ),
    first,
  );
  assert.equal(plain.tableBytes, 222);
  assert.deepEqual(pairs(plain, "4803 3330 37c1 c0bf"), second);
  assert.equal(plain.tableBytes, 222);
  assert.deepEqual(
    pairs(
      plain,
      "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d" +
        "4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076" +
        "6572 7369 6f6e 3d31",
    ),
    third,
  );
  assert.equal(plain.tableBytes, 215);
  const huffman = decoder({ tableBytesMax: 256 });
  assert.deepEqual(
    pairs(
      huffman,
      "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718" +
        "63c7 8f0b 97c8 e9ae 82ae 43d3",
    ),
    first,
  );
  assert.deepEqual(pairs(huffman, "4883 640e ffc1 c0bf"), second);
  assert.deepEqual(
    pairs(
      huffman,
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf" +
        "cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ),
    third,
  );
  assert.equal(huffman.tableBytes, 215);
});

Deno.test("HpackDecoder.decode() empties the table for a field larger than it", () => {
  const one = decoder();
  pairs(one, "4001 6101 62");
  assert.equal(one.tableBytes, 34);
  assert.deepEqual(pairs(one, "be"), [["a", "b"]]);
  pairs(one, "3f01 4001 6101 62");
  const field = { name: "large", value: "x".repeat(100) };
  const literal = encodeHeaders([field]);
  literal[0] = 0x40;
  one.decode(Uint8Array.of(0x3f, 0x21, ...literal));
  assert.equal(one.tableBytes, 0);
  assertCompressionError(one, "be");
});

Deno.test("HpackDecoder.decode() refuses the decoding errors of RFC 7541", () => {
  for (
    const hex of [
      "80", // index 0
      "be", // past both tables
      "ff", // inside an integer
      "ffffffffff0f", // an integer too large
      "ff8080808000", // an integer too long
      "00", // before a name
      "000161", // before a value
      "0001610562", // inside a value
      "0001618161", // padding of zeros
      "3fe21f", // table size 4097
      "8220", // a size update after a field
    ]
  ) assertCompressionError(decoder(), hex);
});

Deno.test("HpackDecoder.decode() returns no list past the bounds, but keeps the table in sync", () => {
  const many = decoder({ fieldsMax: 2 });
  assert.equal(pairs(many, "8282 4001 6101 62"), undefined);
  assert.deepEqual(pairs(many, "be"), [["a", "b"]]);
  const large = decoder({ listBytesMax: 60 });
  assert.equal(pairs(large, "4001 6101 62be"), undefined);
  assert.deepEqual(pairs(large, "be"), [["a", "b"]]);
});

Deno.test("HpackDecoder.generation changes exactly when the dynamic table does", () => {
  const one = decoder();
  const start = one.generation;
  pairs(one, "8204 022f 61");
  assert.equal(one.generation, start);
  pairs(one, "4001 6101 62");
  assert.notEqual(one.generation, start);
  const inserted = one.generation;
  pairs(one, "20");
  assert.notEqual(one.generation, inserted);
});

Deno.test("HpackDecoder.settingsAcknowledged() requires that a smaller table is announced", () => {
  const one = decoder({ tableBytesMax: 0 });
  pairs(one, "4001 6101 62");
  one.settingsAcknowledged();
  assertCompressionError(one, "82");
  const other = decoder({ tableBytesMax: 0 });
  other.settingsAcknowledged();
  assert.deepEqual(pairs(other, "2082"), [[":method", "GET"]]);
  assert.deepEqual(pairs(other, "82"), [[":method", "GET"]]);
  assertCompressionError(other, "21");
});

Deno.test("HpackDecoder.decode() keeps bytes beyond ASCII and long strings as they are", () => {
  const fields = [{ name: "x", value: "\u00ff\u0080".repeat(3000) }];
  assert.deepEqual(decoder().decode(encodeHeaders(fields)), fields);
});
