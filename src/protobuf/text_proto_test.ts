import assert from "node:assert/strict";
import { ConfigError } from "../base/config_error.ts";
import { mutations } from "../base/testing/mutations.ts";
import { parseTextProto, type TextField } from "./text_proto.ts";

/** Fields in a form that is easily compared: strings in quotes, messages as lists. */
function plain(fields: readonly TextField[]): unknown {
  return fields.map(({ name, value }) => {
    switch (value.kind) {
      case "message":
        return [name, plain(value.fields)];
      case "string":
        return [name, JSON.stringify(new TextDecoder().decode(value.bytes))];
      case "word":
        return [name, value.text];
    }
  });
}

function parsed(text: string): unknown {
  return plain(parseTextProto(text));
}

/** What goes wrong, as `line:column reason`. */
function complaint(text: string): string {
  try {
    parseTextProto(text);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return `${error.place?.line}:${error.place?.column} ${error.message}`;
  }
  return "none";
}

Deno.test("parseTextProto() parses every notation of messages", () => {
  const expected = [["a", [["b", "1"]]]];
  for (
    const text of [
      "a { b: 1 }",
      "a: { b: 1 }",
      "a < b: 1 >",
      "a:<b:1>",
      "a{b:1}",
      "a { b: 1, };",
      "\ta\n{\nb\n:\n1\n}\n",
    ]
  ) {
    assert.deepEqual(parsed(text), expected, text);
  }
  assert.deepEqual(parsed(""), []);
  assert.deepEqual(parsed("# nothing but a comment"), []);
});

Deno.test("parseTextProto() parses numbers, words, signs and separators", () => {
  assert.deepEqual(
    parsed("a: 1 b: -2, c: - # sign\n 3; d: 0x1F e: 017 f: 1.5e-3 g: .5f h: true i: TENSORFLOW j: -inf"),
    [
      ["a", "1"],
      ["b", "-2"],
      ["c", "-3"],
      ["d", "0x1F"],
      ["e", "017"],
      ["f", "1.5e-3"],
      ["g", ".5f"],
      ["h", "true"],
      ["i", "TENSORFLOW"],
      ["j", "-inf"],
    ],
  );
});

Deno.test("parseTextProto() turns a list into fields", () => {
  assert.deepEqual(parsed("a: [1, 2] b [{ c: 3 }, < >] d: [] e: ['x' \"y\", 'z']"), [
    ["a", "1"],
    ["a", "2"],
    ["b", [["c", "3"]]],
    ["b", []],
    ["e", '"xy"'],
    ["e", '"z"'],
  ]);
});

Deno.test("parseTextProto() concatenates adjacent strings and decodes escapes", () => {
  assert.deepEqual(parsed(`a: 'it' "'s" # a comment between\n ' "ok"'`), [["a", JSON.stringify('it\'s "ok"')]]);
  assert.deepEqual(parsed(String.raw`a: "\a\b\f\n\r\t\v\?\\\'\"" b: '\101\x42\u00e9\U0001F600\303\251'`), [
    ["a", JSON.stringify("\x07\b\f\n\r\t\v?\\'\"")],
    ["b", JSON.stringify("ABé😀é")],
  ]);
  assert.deepEqual(parsed("a: 'grüße # no comment'"), [["a", '"grüße # no comment"']]);
});

Deno.test("parseTextProto() parses the name of an extension", () => {
  assert.deepEqual(parsed("a { [type.googleapis.com/x.Y] { b: 1 } }"), [
    ["a", [["[type.googleapis.com/x.Y]", [["b", "1"]]]]],
  ]);
});

Deno.test("parseTextProto() reports the place of an error", () => {
  assert.equal(complaint("a {\n  b: 1\n"), '3:1 expected "}" before the end');
  assert.equal(complaint("a < b: 1 }"), '1:10 expected the name of a field, found "}"');
  assert.equal(complaint("a: 1 }"), '1:6 expected the name of a field, found "}"');
  assert.equal(complaint("a 1"), '1:3 expected ":" or "{" behind "a", found "1"');
  assert.equal(complaint("a"), '1:2 expected ":" or "{" behind "a"');
  assert.equal(complaint("a [1]"), '1:4 expected ":" behind "a"');
  assert.equal(complaint("a: [1 2]"), '1:7 expected "," or "]" in a list, found "2"');
  assert.equal(complaint("a: [1,]"), '1:7 expected a value, found "]"');
  assert.equal(complaint('a:\n "open\n"'), '2:2 expected the string to end on its line, found "\\""');
  assert.equal(complaint("a:"), "1:3 expected a value");
  assert.equal(complaint("a: 1x"), '1:4 "1x" is not a number');
  assert.equal(complaint("a: 08"), '1:4 "08" is not a number');
  assert.equal(complaint("1: 2"), '1:1 expected the name of a field, found "1"');
  assert.equal(complaint(String.raw`a: "ok\q"`), "1:7 \\q is not an escape");
  assert.equal(complaint(String.raw`a: "\777"`), "1:5 \\777 stands for nothing");
  assert.equal(complaint(String.raw`a: "\ud800"`), "1:5 \\ud800 stands for nothing");
  assert.equal(complaint("a {".repeat(101)), "1:304 messages are nested more than 100 deep");
});

Deno.test("parseTextProto() parses any text or throws a ConfigError", () => {
  const good =
    `model_config_list { # models\n config: { name: "a" 'b' base_path: '/m\\303\\251', model_version_policy ` +
    `{ specific: { versions: [1, 0x2] } } version_labels < key: "s" value: -3 > } }`;
  const pieces = [..."{}<>[]:,;#'\"\\\n -a0é", "\\x", "1e"];
  for (const { text } of mutations(good, { pieces, count: 5000 })) {
    assert.match(complaint(text), /^(?:none$|\d+:\d+ )/, text);
  }
});
