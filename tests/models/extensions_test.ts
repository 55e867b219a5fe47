/** Extensions of OpenVINO: libraries with operations that it lacks. */
import assert from "node:assert/strict";
import { CODE, ServingError } from "../../src/base/status.ts";
import { FfiEngine } from "../../src/engine/openvino_ffi/engine.ts";
import { findRuntime } from "../../src/engine/openvino_ffi/runtime/discovery.ts";

const library = findLibrary();

Deno.test({
  name: "OpenVINO: an extension that cannot be loaded is reported if it is optional, else an error with its path",
  ignore: library === undefined,
  fn: () => {
    const extension = Deno.makeTempFileSync({ suffix: ".so" });
    try {
      using engine = new FfiEngine(library ?? "", { extensions: [{ path: extension, isOptional: true }] });
      const [report, ...others] = engine.extensions;
      assert.deepEqual(others, []);
      assert.equal(report?.path, extension);
      assert.match(report?.error ?? "", /^Cannot load the extension \S+\.so into OpenVINO: /);
      assert.throws(
        () => new FfiEngine(library ?? "", { extensions: [{ path: extension, isOptional: false }] }),
        (error) => {
          assert.ok(error instanceof ServingError);
          assert.equal(error.code, CODE.FAILED_PRECONDITION);
          assert.ok(error.message.includes(extension), error.message);
          return true;
        },
      );
    } finally {
      Deno.removeSync(extension);
    }
  },
});

function findLibrary(): string | undefined {
  try {
    return findRuntime().path;
  } catch {
    return undefined;
  }
}
