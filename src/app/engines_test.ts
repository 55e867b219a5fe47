import assert from "node:assert/strict";
import { FakeEngine } from "../engine/testing/fake_engine.ts";
import { checkThreads, findEngine } from "./engines.ts";

Deno.test("findEngine() lists the engines there are for an unknown name", () => {
  assert.throws(
    () => findEngine("tensorrt", { openvinoDir: undefined, runtimeDir: undefined, extensions: [] }),
    /^Error: There is no engine tensorrt: the engines are openvino_ffi$/,
  );
});

Deno.test("checkThreads() refuses several threads for an engine that cannot share models", () => {
  using sharing = new FakeEngine();
  using alone = new FakeEngine({ lacks: ["shares models"] });
  checkThreads(sharing, 2);
  checkThreads(alone, 1);
  assert.throws(
    () => checkThreads(alone, 2),
    /^Error: --grpc_workers is 2, but fake engine cannot share a model among threads: set it to 1$/,
  );
});
