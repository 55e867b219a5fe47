import assert from "node:assert/strict";
import { pathOf } from "./url_path.ts";

Deno.test("A path is taken as it was sent", () => {
  assert.equal(pathOf("http://localhost:8501/v1/models/a%2Fb/../c?x=/y#z"), "/v1/models/a%2Fb/../c");
  assert.equal(pathOf("http://localhost"), "/");
  assert.equal(pathOf("http://localhost/?a"), "/");
});
