import assert from "node:assert/strict";
import { ConfigError } from "../base/config_error.ts";
import { formatPath, JsonPlaces } from "./json_places.ts";
import { mutations } from "../base/testing/mutations.ts";

const TEXT = `{
  "list": [
    { "a": 1, "b": ["x,}", -2.5e3] },
    { "a \\"quoted\\"": {} }
  ], "last": null
}`;

Deno.test("JsonPlaces.placeOf() finds members and elements, and the object of a member that is missing", () => {
  const places = new JsonPlaces(TEXT);
  assert.deepEqual(places.value, JSON.parse(TEXT));
  assert.deepEqual(places.placeOf([]), { line: 1, column: 1 });
  assert.deepEqual(places.placeOf(["list"]), { line: 2, column: 11 });
  assert.deepEqual(places.placeOf(["list", 0, "a"]), { line: 3, column: 12 });
  assert.deepEqual(places.placeOf(["list", 0, "b", 1]), { line: 3, column: 28 });
  assert.deepEqual(places.placeOf(["list", 1, 'a "quoted"']), { line: 4, column: 23 });
  assert.deepEqual(places.placeOf(["list", 1, "missing", "too"]), { line: 4, column: 5 });
  assert.deepEqual(places.placeOf(["last"]), { line: 5, column: 14 });
  assert.deepEqual(new JsonPlaces(" 5").placeOf([]), { line: 1, column: 2 });
});

Deno.test("JsonPlaces reports the place of a syntax error and of a duplicate name", () => {
  const cases: [string, number, number, RegExp][] = [
    ['{"a": 1,\n "b" 2}', 2, 6, /not JSON, at "2}"/],
    ["[1,\n", 1, 4, /at the end/],
    ["", 1, 1, /at the end/],
    ['{"a": {"b": 1,\n "b": 2}}', 2, 2, /"b" comes twice/],
    ["{'a': 1}", 1, 2, /not JSON/],
  ];
  for (const [text, line, column, message] of cases) {
    assert.throws(() => new JsonPlaces(text), { name: "ConfigError", place: { line, column }, message }, text);
  }
});

Deno.test("JsonPlaces parses any text or throws a ConfigError", () => {
  const pieces = [...'{}[]:,"\\\n -a0é', "null", '"a"'];
  for (const { text } of mutations(TEXT, { pieces, count: 3000 })) {
    try {
      new JsonPlaces(text);
    } catch (error) {
      assert(error instanceof ConfigError && error.place !== undefined, `${error}\n${text}`);
    }
  }
});

Deno.test("formatPath() writes a path as people do", () => {
  assert.equal(formatPath(["model_config_list", 2, "config", "nireq"]), "model_config_list[2].config.nireq");
  assert.equal(formatPath([0, "a"]), "[0].a");
});
