import assert from "node:assert/strict";
import { CODE, ServingError } from "../base/status.ts";
import { parseValues } from "./json_parser.ts";

const encoder = new TextEncoder();

function parse(text: string): void {
  parseValues(encoder.encode(text));
}

Deno.test("parseValues() accepts JSON of all kinds and what RapidJSON tolerates", () => {
  const documents = [
    '{"a": [1, -0, 0.5, 1e5, 1E+5, 2e-7, -12.25e3, NaN, -Inf, Infinity, true, false, null, "x", {}, []]}',
    " \n\t\r{ } ",
    "[]",
    "7",
    '"x"',
    "null",
    '{"a":1} and what not',
    "[1]\u0000[",
    '\ufeff{"a":1}',
    `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
    '"\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\ud83d\\ude00 \u007f"',
    "1".repeat(308),
    "1e308",
    "1e-999",
  ];
  for (const document of documents) parse(document);
  // A string may hold bytes that are not UTF-8: a tensor of strings holds any bytes.
  parseValues(Uint8Array.from([0x22, 0xff, 0xc0, 0x22]));
});

Deno.test("parseValues() rejects anything else with RapidJSON's reason and offset", () => {
  const value = "Invalid value.";
  const element = "Missing a comma or ] after an array element.";
  const member = "Missing a comma or } after an object member.";
  const name = "Missing a name for object member.";
  const quote = "Missing a closing quotation mark in string.";
  const cases: readonly (readonly [string, string, number])[] = [
    ["   ", "The document is empty.", 3],
    ["\u0000", "The document is empty.", 0],
    ["[", value, 1],
    ["[1", element, 2],
    ["[1 2]", element, 3],
    ["[01]", element, 2],
    ["[1,]", value, 3],
    ["[,1]", value, 1],
    ["[1}", element, 2],
    ["{", name, 1],
    ["{1: 2}", name, 1],
    ['{"a": 1,}', name, 8],
    ['{"a" 1}', "Missing a colon after a name of object member.", 5],
    ['{"a":}', value, 5],
    ['{"a": 1 "b"', member, 8],
    ['{"a": 1]', member, 7],
    ["[tru]", value, 4],
    ["[nul]", value, 4],
    ["[Na]", value, 3],
    ["[Infi]", value, 5],
    ["[-]", value, 2],
    ["[+1]", value, 1],
    ["[.5]", value, 1],
    ["[1.]", "Miss fraction part in number.", 3],
    ["[1.e5]", "Miss fraction part in number.", 3],
    ["[1e]", "Miss exponent in number.", 3],
    ["[1e+]", "Miss exponent in number.", 4],
    ["[ 1e309]", "Number too big to be stored in double.", 2],
    [`[-${"9".repeat(309)}]`, "Number too big to be stored in double.", 1],
    ['["a', quote, 3],
    ['["a\u0000"]', quote, 3],
    ['["a\n"]', "Invalid encoding in string.", 3],
    ['["\\x"]', "Invalid escape character in string.", 2],
    ['["\\u12g4"]', "Incorrect hex digit after \\u escape in string.", 2],
    ['["\\ud800"]', "The surrogate pair in string is invalid.", 2],
    ['["\\udc00"]', "The surrogate pair in string is invalid.", 2],
    ['["\\ud800\\u0041"]', "The surrogate pair in string is invalid.", 2],
    ['["\\ud800\\u00"]', "Incorrect hex digit after \\u escape in string.", 2],
    [`["${"x".repeat(50)}\n"]`, "Invalid encoding in string.", 52],
    [`["${"x".repeat(50)}`, quote, 52],
    ["instances = [1]", value, 0],
  ];
  for (const [document, reason, offset] of cases) {
    assert.throws(() => parse(document), (error) => {
      assert(error instanceof ServingError, document);
      assert.equal(error.code, CODE.INVALID_ARGUMENT);
      assert.equal(error.message, `JSON Parse error: ${reason} at offset: ${offset}`, document);
      return true;
    });
  }
  assert.throws(() => parse(""), { message: "JSON Parse error: The document is empty" });
});

Deno.test("parseValues() reads the same bytes at every alignment, to the last one", () => {
  const text = '[123456789012.5,"abcdefgh\\n",0.000123456789,[-7,"é"]]';
  const expected = parseValues(encoder.encode(text)).kinds.slice(0, 8);
  for (let offset = 0; offset < 8; offset++) {
    const room = new Uint8Array(offset + 200);
    const { written } = encoder.encodeInto(text, room.subarray(offset));
    assert.deepEqual(parseValues(room.subarray(offset, offset + written)).kinds.slice(0, 8), expected);
    assert.throws(() => parseValues(room.subarray(offset, offset + written - 1)), {
      message: `JSON Parse error: Missing a comma or ] after an array element. at offset: ${written - 1}`,
    });
  }
});
