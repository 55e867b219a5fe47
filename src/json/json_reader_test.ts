import assert from "node:assert/strict";
import { JsonReader } from "./json_reader.ts";
import { scanJson } from "./json_scanner.ts";

function readerOf(text: string): JsonReader {
  const document = scanJson(new TextEncoder().encode(text), []);
  return new JsonReader().open(document, document.root);
}

/** Numbers of all lengths and sizes, the way they are written everywhere. */
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

Deno.test("Numbers are read as JSON.parse reads them, to the last bit", () => {
  const texts = Array.from({ length: 50_000 }, () => randomNumberText(Math.random));
  // Half-way cases, and the digits at which one way of reading gives way to another.
  texts.push("9007199254740993", "9007199254740993.0", "123456789.12345678905", "0.000000000000000000000000001");
  texts.push("179769313486231570e291", "4.9e-324", "2.4703282292062328e-324", "1".repeat(300), `0.${"0".repeat(400)}1`);
  texts.push("999999999999999999", "9999999999999999999", "0.1000000000000000055511151231257827", "-0", "-0.0");
  const reader = readerOf(`[${texts.join(" ,\n")}]`);
  reader.enterArray();
  for (const text of texts) {
    reader.peek();
    const value = reader.readNumber();
    assert(Object.is(value, Number(text)), `${text} was read as ${value}`);
  }
  assert.equal(reader.peek(), "]".charCodeAt(0));
});

Deno.test("Whole numbers are told from others, and the reader stays before those that are none", () => {
  const cases: readonly (readonly [string, number, bigint | undefined])[] = [
    ["7", 7, 7n],
    ["-123456789012345", -123456789012345, -123456789012345n],
    ["9007199254740993", NaN, 9007199254740993n],
    ["-9223372036854775808", NaN, -9223372036854775808n],
    ["1.0", NaN, undefined],
    ["1e3", NaN, undefined],
    ["NaN", NaN, undefined],
    ['"1"', NaN, undefined],
    ["true", NaN, undefined],
  ];
  for (const [text, integer, bigInteger] of cases) {
    const reader = readerOf(`[${text}, 1]`);
    reader.enterArray();
    const { position } = reader;
    assert.equal(reader.readInteger(), integer, text);
    if (Number.isNaN(integer)) assert.equal(reader.position, position);
    reader.position = position;
    assert.equal(reader.readBigInteger(), bigInteger, text);
    if (bigInteger === undefined) assert.equal(reader.position, position);
  }
});

Deno.test("A value is skipped whatever it holds", () => {
  for (const value of ["1.5e3", '"a]}\\"b"', "null", "[]", '[[1, "]", {"a": [2]}], 3]', '{"a": {"b": []}, "c": -1}']) {
    const reader = readerOf(`[${value}, 42]`);
    reader.enterArray();
    reader.skip();
    reader.peek();
    assert.equal(reader.readInteger(), 42, value);
  }
});

Deno.test("Strings are decoded; without escapes they are views of the document", () => {
  const reader = readerOf('["plain", "\\u00e9\\ud83d\\ude00\\u0800 \\"\\\\\\/\\b\\f\\n\\r\\t"]');
  reader.enterArray();
  reader.peek();
  assert.equal(reader.readBytes().buffer, reader.bytes.buffer);
  reader.peek();
  assert.equal(reader.readText(), 'é😀ࠀ "\\/\b\f\n\r\t');
});
