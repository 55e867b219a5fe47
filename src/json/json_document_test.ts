import assert from "node:assert/strict";
import { randomBelow, randomFraction, testSeed } from "../base/testing/random.ts";
import { JsonDocument } from "./json_document.ts";

function parse(text: string): JsonDocument {
  return new JsonDocument(new TextEncoder().encode(text));
}

/** Numbers of all lengths and sizes, as clients write them. */
function randomNumberText(random: () => number): string {
  const bits = new Uint32Array([random() * 2 ** 32, random() * 2 ** 32]);
  const anyDouble = new Float64Array(bits.buffer)[0] as number;
  const texts = [
    () => String(random()),
    () => String(Math.fround(random() * 1000)),
    () => String(Number.isFinite(anyDouble) ? anyDouble : 0),
    () => random().toFixed(Math.floor(random() * 30)),
    () => (random() * 1e9).toFixed(Math.floor(random() * 20)),
    () => String(Math.floor(random() * 2 ** 63)),
    () => `-${random().toPrecision(1 + Math.floor(random() * 25))}`,
    () => `${Math.floor(random() * 1e6)}e${Math.floor(random() * 40) - 20}`,
  ];
  return (texts[Math.floor(random() * texts.length)] as () => string)();
}

Deno.test("number() reads numbers as JSON.parse does, to the last bit", () => {
  const below = randomBelow(testSeed());
  const texts = Array.from({ length: 50_000 }, () => randomNumberText(() => randomFraction(below)));
  // Half-way cases, and the digits at which one algorithm replaces another.
  texts.push("9007199254740993", "9007199254740993.0", "123456789.12345678905", "0.000000000000000000000000001");
  texts.push("179769313486231570e291", "4.9e-324", "2.4703282292062328e-324", "1".repeat(300), `0.${"0".repeat(400)}1`);
  texts.push("999999999999999999", "9999999999999999999", "0.1000000000000000055511151231257827", "-0", "-0.0");
  const document = parse(`[${texts.join(" ,\n")}]`);
  assert.equal(document.size(0), texts.length);
  texts.forEach((text, i) => {
    const value = document.number(i + 1);
    assert(Object.is(value, Number(text)), `${text} was read as ${value}`);
  });
});

Deno.test("integer() reads 64-bit integers exactly, and no other values", () => {
  const cases: readonly (readonly [string, bigint | undefined])[] = [
    ["7", 7n],
    ["-123456789012345", -123456789012345n],
    ["9007199254740993", 9007199254740993n],
    ["-9223372036854775808", -9223372036854775808n],
    ["18446744073709551615", 18446744073709551615n],
    ["18446744073709551616", undefined],
    ["-9223372036854775809", undefined],
    ["1".repeat(30), undefined],
    ["1.0", undefined],
    ["1e3", undefined],
    ["12345678901234567e1", undefined],
    ["NaN", undefined],
    ['"1"', undefined],
    ["true", undefined],
  ];
  for (const [text, integer] of cases) assert.equal(parse(`[${text}, 1]`).integer(1), integer, text);
});

Deno.test("next() passes over a value whatever it holds", () => {
  for (const value of ["1.5e3", '"a]}\\"b"', "null", "[]", '[[1, "]", {"a": [2]}], 3]', '{"a": {"b": []}, "c": -1}']) {
    const document = parse(`[${value}, 42]`);
    assert.equal(document.number(document.next(1)), 42, value);
    assert.equal(document.next(0), document.next(1) + 1);
    assert.equal(document.size(0), 2);
  }
});

Deno.test("size() counts the elements of flat and nested arrays", () => {
  const document = parse('{"a": [[1, 2, 3], [], {"b": [4]}, [[5, "]"], 6]], "c": [ ]}');
  const sizes: number[] = [];
  for (let node = 0; node < document.next(0); node++) if (document.isArray(node)) sizes.push(document.size(node));
  assert.deepEqual(sizes, [4, 3, 0, 1, 2, 2, 0]);
});

Deno.test("member() finds the first of equal names, escaped or not, and none inside another value", () => {
  const document = parse('{"x": {"a": 1}, "\\u0061": [[], [2]], "a": 3, "b" : "c", "é": 4, "ab": 5}');
  const numbers = ["b", "é", "ab"].map((name) => document.member(0, name));
  assert.deepEqual(numbers.map((node) => node && (document.number(node) ?? document.text(node))), ["c", 4, 5]);
  assert.equal(document.isArray(document.member(0, "a") ?? 0), true);
  for (const name of ["c", "", "abc", "1"]) assert.equal(document.member(0, name), undefined, name);
});

Deno.test("stringBytes() decodes escapes; without any it returns a view of the document", () => {
  const document = parse('["plain", "\\u00e9\\ud83d\\ude00\\u0800 \\"\\\\\\/\\b\\f\\n\\r\\t"]');
  assert.equal(document.stringBytes(1).buffer, document.bytes.buffer);
  assert.equal(document.text(2), 'é😀ࠀ "\\/\b\f\n\r\t');
  const bytes = Uint8Array.of(0x22, 0xff, 0x5c, 0x6e, 0xc0, 0x22);
  assert.deepEqual([...new JsonDocument(bytes).stringBytes(0)], [0xff, 0x0a, 0xc0]);
});

Deno.test("base64() recognizes an object with the one member b64", () => {
  const cases = [['{"b64": "YQ=="}', "YQ=="], ['{"b64": 1}'], ['{"b64": "YQ==", "b64": "Yg=="}'], ['{"B64": ""}'], [
    "{}",
  ], ["[1]"]];
  for (const [text = "", base64] of cases) {
    const bytes = parse(text).base64(0);
    assert.equal(bytes && new TextDecoder().decode(bytes), base64, text);
  }
});
