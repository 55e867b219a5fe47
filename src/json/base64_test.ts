import assert from "node:assert/strict";
import { decodeBase64 } from "./base64.ts";

Deno.test("decodeBase64() ignores white space and accepts missing padding, as Abseil does", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["", ""],
    ["YQ==", "a"],
    ["YQ", "a"],
    ["YWI=", "ab"],
    ["YWI", "ab"],
    [" Y\tW\nJ\rj\f\v", "abc"],
    ["YQ=", undefined],
    ["Y", undefined],
    ["=", undefined],
    ["====", undefined],
    ["YQ==YQ==", undefined],
    ["Y-_=", undefined],
    ["é", undefined],
  ];
  for (const [text, expected] of cases) {
    const bytes = decodeBase64(new TextEncoder().encode(text));
    assert.equal(bytes && new TextDecoder().decode(bytes), expected, JSON.stringify(text));
  }
});
