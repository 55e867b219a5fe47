import assert from "node:assert/strict";
import { join } from "node:path";
import { CODE, ServingError } from "../../base/status.ts";
import { unpackEmbedded, unpackEmbeddedRuntime } from "./embedded.ts";

const MODULE = new URL("./embedded.ts", import.meta.url).href;

/** A folder as the executable carries it and an empty cache, both gone at the end. */
function rig(): Disposable & { readonly source: string; readonly cache: string } {
  const root = Deno.makeTempDirSync();
  const source = join(root, "2026.0.0-0123456789ab");
  Deno.mkdirSync(join(source, "libs"), { recursive: true });
  Deno.mkdirSync(join(source, "licenses", "others"), { recursive: true });
  Deno.writeFileSync(join(source, "libs", "large.so"), new Uint8Array(4_000_000).fill(7));
  Deno.writeTextFileSync(join(source, "libs", "small.so"), "small");
  Deno.writeTextFileSync(join(source, "licenses", "others", "LICENSE"), "as is");
  return { source, cache: join(root, "cache"), [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

Deno.test("unpackEmbedded() copies all files into a folder of the source's name", () => {
  using it = rig();
  const copy = unpackEmbedded(it.source, [it.cache]);
  assert.equal(copy, join(it.cache, "ovserve", "2026.0.0-0123456789ab"));
  assert.deepEqual(Deno.readFileSync(join(copy, "libs", "large.so")), new Uint8Array(4_000_000).fill(7));
  assert.equal(Deno.readTextFileSync(join(copy, "libs", "small.so")), "small");
  assert.equal(Deno.readTextFileSync(join(copy, "licenses", "others", "LICENSE")), "as is");
  assert.deepEqual(namesIn(join(it.cache, "ovserve")), ["2026.0.0-0123456789ab"]);
});

Deno.test("unpackEmbedded() leaves a whole copy as it is", () => {
  using it = rig();
  const library = join(unpackEmbedded(it.source, [it.cache]), "libs", "small.so");
  const { ino } = Deno.statSync(library);
  unpackEmbedded(it.source, [it.cache]);
  assert.equal(Deno.statSync(library).ino, ino);
});

Deno.test("unpackEmbedded() makes a copy anew when a file is missing or cut short", () => {
  using it = rig();
  const copy = unpackEmbedded(it.source, [it.cache]);
  Deno.truncateSync(join(copy, "libs", "large.so"), 1_000_000);
  Deno.removeSync(join(copy, "licenses"), { recursive: true });
  assert.equal(unpackEmbedded(it.source, [it.cache]), copy);
  assert.equal(Deno.statSync(join(copy, "libs", "large.so")).size, 4_000_000);
  assert.equal(Deno.readTextFileSync(join(copy, "licenses", "others", "LICENSE")), "as is");
  assert.deepEqual(namesIn(join(it.cache, "ovserve")), ["2026.0.0-0123456789ab"]);
});

Deno.test("unpackEmbedded() in several processes at once gives each the whole copy", async () => {
  using it = rig();
  const program = `
    const { unpackEmbedded } = await import(${JSON.stringify(MODULE)});
    const copy = unpackEmbedded(${JSON.stringify(it.source)}, [${JSON.stringify(it.cache)}]);
    await Deno.stdout.write(new TextEncoder().encode(String(Deno.statSync(copy + "/libs/large.so").size)));`;
  const runs = Array.from(
    { length: 4 },
    () => new Deno.Command(Deno.execPath(), { args: ["eval", "--no-lock", program], stderr: "inherit" }).output(),
  );
  const outputs = (await Promise.all(runs)).map(({ stdout }) => new TextDecoder().decode(stdout));
  assert.deepEqual(outputs, ["4000000", "4000000", "4000000", "4000000"]);
  assert.deepEqual(namesIn(join(it.cache, "ovserve")), ["2026.0.0-0123456789ab"]);
});

Deno.test("unpackEmbedded() takes the next cache when one cannot be made", () => {
  using it = rig();
  Deno.writeTextFileSync(it.cache, "a file where a folder should be");
  const second = `${it.cache}2`;
  assert.equal(unpackEmbedded(it.source, [it.cache, second]), join(second, "ovserve", "2026.0.0-0123456789ab"));
});

Deno.test({
  name: "unpackEmbedded() refuses a cache that others can write to, and says so",
  ignore: Deno.build.os === "windows",
  fn: () => {
    using it = rig();
    Deno.mkdirSync(join(it.cache, "ovserve"), { recursive: true });
    Deno.chmodSync(join(it.cache, "ovserve"), 0o777);
    assert.throws(() => unpackEmbedded(it.source, [it.cache]), (thrown) => {
      assert(thrown instanceof ServingError);
      assert.equal(thrown.code, CODE.FAILED_PRECONDITION);
      assert(thrown.message.includes(`${join(it.cache, "ovserve")}: others can write to it`), thrown.message);
      assert(thrown.message.includes("Set XDG_CACHE_HOME"), thrown.message);
      return true;
    });
    assert.deepEqual(namesIn(join(it.cache, "ovserve")), []);
  },
});

Deno.test("unpackEmbeddedRuntime() is undefined outside a compiled executable", () => {
  assert.equal(unpackEmbeddedRuntime(), undefined);
});
