import assert from "node:assert/strict";
import type { ServingError } from "../base/status.ts";
import { PrivateFolder } from "./private_files.ts";

Deno.test("PrivateFolder holds files and links until it is disposed", () => {
  const parent = Deno.makeTempDirSync();
  try {
    const big = new Uint8Array(3_000_000).fill(7);
    const folder = new PrivateFolder(["/proc/nowhere", parent]);
    folder.write("model", [new TextEncoder().encode("one"), big]);
    folder.link("variables", parent);
    assert.ok(folder.path.startsWith(`${parent}/`));
    assert.equal(contentOf(`${folder.path}/model`).length, 3 + big.length);
    assert.ok(Deno.statSync(`${folder.path}/variables`).isDirectory);
    if (Deno.build.os === "linux") assert.ok(Deno.lstatSync(`${folder.path}/model`).isSymlink);
    folder[Symbol.dispose]();
    assert.deepEqual([...Deno.readDirSync(parent)], []);
  } finally {
    Deno.removeSync(parent, { recursive: true });
  }
});

Deno.test("PrivateFolder names the folders that it cannot use", () => {
  assert.throws(
    () => new PrivateFolder(["/proc/nowhere", "/nowhere"]),
    (error: ServingError) => /none of \/proc\/nowhere, \/nowhere can be written to/.test(error.detail),
  );
});

/** Reads a file of the folder as another process: Deno itself reads through /proc only with every permission. */
function contentOf(path: string): Uint8Array {
  if (Deno.build.os !== "linux") return Deno.readFileSync(path);
  const inMemory = Deno.readLinkSync(path).replace("/self/", `/${Deno.pid}/`);
  return new Deno.Command("cat", { args: [inMemory] }).outputSync().stdout;
}
