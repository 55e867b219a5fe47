import assert from "node:assert/strict";
import { batchSizeOf, parseBatchSize, parseShape, shapeOf } from "./shape.ts";

const exactly = (...sizes: number[]) => sizes.map((size) => ({ min: size, max: size }));
const ANY = { min: 0, max: Infinity };

Deno.test("parseShape() reads one shape for all inputs, in round and in square brackets", () => {
  const expected = { kind: "all", shape: exactly(1, 3, 224, 224) };
  assert.deepEqual(parseShape("(1,3,224,224)"), expected);
  assert.deepEqual(parseShape(" [ 1, 3,224 , 224 ] "), expected);
  assert.deepEqual(parseShape("(8,)"), { kind: "all", shape: exactly(8) });
  assert.deepEqual(parseShape("()"), { kind: "all", shape: [] });
});

Deno.test("parseShape() reads open dimensions and ranges", () => {
  assert.deepEqual(parseShape("(-1,3,100:500)"), {
    kind: "all",
    shape: [ANY, { min: 3, max: 3 }, { min: 100, max: 500 }],
  });
});

Deno.test("parseShape() reads a shape for each input, and auto", () => {
  assert.deepEqual(parseShape('{"image": "(1,-1)", "mask": "auto", "size": [2, 2], "old": "[4]"}'), {
    kind: "byInput",
    shapes: new Map<string, unknown>([
      ["image", [{ min: 1, max: 1 }, ANY]],
      ["mask", "auto"],
      ["size", exactly(2, 2)],
      ["old", exactly(4)],
    ]),
  });
  assert.deepEqual(parseShape("auto"), { kind: "auto" });
  assert.deepEqual(shapeOf('{"image": "(2)"}'), { kind: "byInput", shapes: new Map([["image", exactly(2)]]) });
  assert.deepEqual(shapeOf([1, 2]), { kind: "all", shape: exactly(1, 2) });
});

Deno.test("parseShape() reports mistakes", () => {
  const cases: [string, RegExp][] = [
    ["1,3", /expected a shape such as .*, found "1,3"/],
    ["", /found ""/],
    ["(1,3", /found "\(1,3"/],
    ["(1,,3)", /in the shape "\(1,,3\)", found ""/],
    ["(0)", /at least 1.* found "0"/],
    ["(5:2)", /found "5:2"/],
    ["(1.5)", /found "1.5"/],
    ["(-2)", /found "-2"/],
    ["(99999999999)", /found "99999999999"/],
    ["{}", /found {}/],
    ["{", /which is not JSON/],
    ['{"a": 5}', /found 5/],
    ['{"a": null}', /found null/],
    ['{"a": {"b": "(1)"}}', /found {"b":"\(1\)"}/],
    ['{"a": [true]}', /found true/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseShape(text), { message }, text);
});

Deno.test("parseBatchSize() reads a size, a range, any size and auto", () => {
  assert.deepEqual(parseBatchSize("8"), { kind: "fixed", size: { min: 8, max: 8 } });
  assert.deepEqual(batchSizeOf(8), { kind: "fixed", size: { min: 8, max: 8 } });
  assert.deepEqual(parseBatchSize("1:8"), { kind: "fixed", size: { min: 1, max: 8 } });
  assert.deepEqual(parseBatchSize("-1"), { kind: "fixed", size: ANY });
  assert.deepEqual(parseBatchSize("auto"), { kind: "auto" });
  for (const wrong of ["0", "", "eight", "1:", "8:1", 0, 1.5, null, [1]]) {
    assert.throws(() => batchSizeOf(wrong), /expected a batch size/, String(wrong));
  }
});
