import assert from "node:assert/strict";
import { parseAboutPath, parseCallPath } from "./request_path.ts";

/** Every character that has a meaning in a URL, percent-encoded; tensorflow_serving/model_servers/http_rest_api_util_test.cc. */
const RESERVED = "%21%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D";
const RESERVED_DECODED = "!#$%&'()*+,/:;=?@[]";

Deno.test("The paths of questions about models", () => {
  const name = "modelname";
  assert.deepEqual(parseAboutPath(`/v1/models/${name}`), { name, suffix: undefined });
  assert.deepEqual(parseAboutPath(`/V1/Models/${name}`), { name, suffix: undefined });
  assert.deepEqual(parseAboutPath(`/v1/models/${name}${RESERVED}`), {
    name: name + RESERVED_DECODED,
    suffix: undefined,
  });
  assert.deepEqual(parseAboutPath(`/v1/models/${name}/versions/99`), { name, version: 99, suffix: undefined });
  assert.deepEqual(parseAboutPath(`/v1/models/${name}/labels/latest${RESERVED}/metadata`), {
    name,
    versionLabel: `latest${RESERVED_DECODED}`,
    suffix: "metadata",
  });
  assert.deepEqual(parseAboutPath("/v1/models"), { name: undefined, suffix: undefined });
  assert.deepEqual(parseAboutPath("/v1/models/versions/1"), { name: undefined, version: 1, suffix: undefined });
  assert.deepEqual(parseAboutPath("/v1/models/versions"), { name: "versions", suffix: undefined });
  for (const path of ["/v1/foo", "/v1/models/", "/v1/models/a:predict", "/v1/models/a/version/50", "/v1/models/a/b"]) {
    assert.equal(parseAboutPath(path), undefined, path);
  }
});

Deno.test("The paths of calls", () => {
  assert.deepEqual(parseCallPath("/v1/models/m:predict"), { name: "m", suffix: "predict" });
  assert.deepEqual(parseCallPath("/v1/models/m/versions/007:classify"), { name: "m", version: 7, suffix: "classify" });
  assert.deepEqual(parseCallPath("/v1/models/m/labels/l:regress"), { name: "m", versionLabel: "l", suffix: "regress" });
  assert.deepEqual(parseCallPath("/v1/models/m/versions/9223372036854775807:predict"), {
    name: "m",
    version: 9223372036854775807n,
    suffix: "predict",
  });
  const others = ["", "/metadata", "/version/50:predict", "/versions/string:predict", "/versions/5/labels/l:regress"];
  for (const rest of others) assert.equal(parseCallPath(`/v1/models/m${rest}`), undefined, rest);
  assert.throws(() => parseCallPath("/v1/models/m/versions/18446744073709551615:predict"), {
    message: "Failed to convert version: 18446744073709551615 to numeric.",
  });
});

Deno.test("What only looks percent-encoded stays as it is, and what is no UTF-8 is marked", () => {
  assert.equal(parseCallPath("/v1/models/50%-%2x%41:predict")?.name, "50%-%2xA");
  assert.equal(parseCallPath("/v1/models/%c3%a9%ff:predict")?.name, "é\ufffd");
});
