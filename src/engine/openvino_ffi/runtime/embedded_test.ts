import assert from "node:assert/strict";
import { cacheFolders, unpackEmbeddedRuntime } from "./embedded.ts";

function foldersWith(env: Record<string, string>): string[] {
  return cacheFolders((name) => env[name]);
}

Deno.test({
  name: "cacheFolders() puts the user's choice first and the system's folders last",
  ignore: Deno.build.os === "windows",
  fn: () => {
    const last = ["/tmp", "/var/tmp", "/dev/shm"];
    assert.deepEqual(foldersWith({}), last);
    assert.deepEqual(foldersWith({ HOME: "/home/ann" }), ["/home/ann/.cache", ...last]);
    assert.deepEqual(
      foldersWith({ TMPDIR: "/scratch", HOME: "/home/ann", XDG_CACHE_HOME: "/fast" }),
      ["/fast", "/home/ann/.cache", "/scratch", ...last],
    );
    assert.deepEqual(foldersWith({ TMPDIR: "/tmp" }), last);
  },
});

Deno.test({
  name: "cacheFolders() leaves out empty and relative folders",
  ignore: Deno.build.os === "windows",
  fn: () => {
    assert.deepEqual(foldersWith({ XDG_CACHE_HOME: "", TMPDIR: "here", HOME: "/" }), [
      "/.cache",
      "/tmp",
      "/var/tmp",
      "/dev/shm",
    ]);
  },
});

Deno.test("unpackEmbeddedRuntime() is undefined outside a compiled executable", () => {
  assert.equal(unpackEmbeddedRuntime(), undefined);
});
