import assert from "node:assert/strict";
import { tidyErrorText } from "./error_text.ts";

const CASES: readonly [name: string, text: string, sentence: string][] = [
  [
    "drops where in the source it failed, and folders",
    "Exception from src/inference/src/cpp/core.cpp:84:\n" +
    "Check 'util::directory_exists(path) || util::file_exists(path)' failed at src/frontends/common/src/frontend.cpp:117:\n" +
    'FrontEnd API failed with GeneralFailure:\nir: Could not open the file: "/srv/models/secret/model.xml"\n\n\n',
    'Could not open the file: "model.xml"',
  ],
  [
    "drops the names of exceptions and the full stop",
    "Exception from src/inference/src/dev/plugin.cpp:54:\nNotFound: Unsupported property FOO by CPU plugin.\n\n",
    "Unsupported property FOO by CPU plugin",
  ],
  [
    "joins what belongs together",
    "Check 'is_supported_et' failed at src/core/src/op/util/unary_elementwise_arithmetic.cpp:16:\n" +
    "While validating node 'opset1::Relu Relu_3 (opset1::Parameter x[0]:boolean[37]) -> ()' with friendly_name 'Relu_3':\n" +
    "This operation does not support input with element type: boolean\n",
    "While validating node 'opset1::Relu Relu_3 (opset1::Parameter x[0]:boolean[37]) -> ()' with friendly_name 'Relu_3': " +
    "This operation does not support input with element type: boolean",
  ],
  [
    "separates two statements",
    "The shapes differ\nThe layouts differ too",
    "The shapes differ; The layouts differ too",
  ],
  [
    "keeps a slash that is no path",
    "Expected only true/false, got 1 / 2",
    "Expected only true/false, got 1 / 2",
  ],
  [
    "drops the folders of a library",
    'Cannot load library "/opt/ov/libs/libopenvino_intel_gpu_plugin.so": libOpenCL.so.1: cannot open shared object file',
    'Cannot load library "libopenvino_intel_gpu_plugin.so": libOpenCL.so.1: cannot open shared object file',
  ],
  ["returns nothing for a text without a message", "Exception from src/a.cpp:1:\n\n", ""],
];

for (const [name, text, sentence] of CASES) {
  Deno.test(`tidyErrorText() ${name}`, () => assert.equal(tidyErrorText(text), sentence));
}

Deno.test("tidyErrorText() removes locations within a line", () => {
  assert.equal(
    tidyErrorText("Exception from src/a/b.cpp:12: the input at /home/jenkins/x/src/core/node.hpp:7 is odd"),
    "the input is odd",
  );
});

Deno.test("tidyErrorText() removes hidden texts, with or without blanks", () => {
  const text = 'Unable to read "/srv/al ice/1/m.xml", cache /srv/al ice/cache/1.blob, value al/ice';
  assert.equal(
    tidyErrorText(text, ["/srv/al ice/1/", "/srv/al ice/cache", "al/ice"]),
    'Unable to read "m.xml", cache …/1.blob, value …',
  );
});

Deno.test("tidyErrorText() truncates a long text", () => {
  assert.ok(tidyErrorText("word ".repeat(10_000)).length <= 401);
});
