/** What a release says of itself, and which npm files an executable leaves out. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Package, unneededPaths } from "../../scripts/packaging/carried_packages.ts";
import { sbomOf } from "../../scripts/packaging/sbom.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Rig extends AsyncDisposable {
  readonly folder: string;
  readonly package: Package;
}

/** The files of a package that deno.lock knows, gone at the end. */
async function rig(files: readonly string[]): Promise<Rig> {
  const lock = JSON.parse(await Deno.readTextFile(`${ROOT}deno.lock`));
  const id: string = Object.keys(lock.npm).find((name) => name.startsWith("zod@")) ?? "";
  const folder = await Deno.makeTempDir();
  for (const file of files) {
    const path = `${folder}/${file}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, '{"license": "MIT"}');
  }
  return {
    folder,
    package: { name: "zod", version: id.slice("zod@".length), folder, isCarried: true },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("an executable leaves out what does not run, whole folders where it can, and packages it does not need", async () => {
  const files = [
    "package.json",
    "index.js",
    "index.d.ts",
    "README.md",
    "src/a.ts",
    "src/b.ts",
    "lib/c.cjs",
    "lib/c.map",
  ];
  await using it = await rig([...files, "test/d.js"]);
  const left = async (isCarried: boolean) => {
    const paths = await unneededPaths([{ ...it.package, isCarried }]);
    return paths.map((path) => path.slice(it.folder.length + 1)).sort();
  };
  assert.deepEqual(await left(true), ["README.md", "index.d.ts", "lib/c.map", "src", "test"]);
  assert.deepEqual(await left(false), ["README.md", "index.d.ts", "index.js", "lib", "package.json", "src", "test"]);
});

Deno.test("the list of what is in an executable names each part once, with where it is from and its hash", async () => {
  await using it = await rig(["package.json"]);
  const executable = {
    version: "1.2.3",
    target: "x86_64-unknown-linux-gnu",
    sha256: "ab".repeat(32),
    packages: [it.package, { ...it.package, name: "left-out", isCarried: false }],
    runtime: {
      name: "openvino-1-0",
      files: [
        { path: "libs/a.so", bytes: 1, sha256: "cd".repeat(32), offset: 9 },
        { path: "libs/libopenvino_tokenizers.so", bytes: 1, sha256: "ef".repeat(32), offset: 10 },
      ],
    },
  } as const;
  const sbom = JSON.parse(JSON.stringify(await sbomOf(executable)));
  assert.deepEqual(JSON.parse(JSON.stringify(await sbomOf(executable))), sbom);
  assert.equal(sbom.bomFormat, "CycloneDX");
  assert.match(sbom.serialNumber, /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/);
  assert.equal(sbom.metadata.component.version, "1.2.3");
  assert.equal(sbom.metadata.component.hashes[0].content, "ab".repeat(32));
  const [deno, openvino, tokenizers, zod, ...others] = sbom.components;
  assert.deepEqual(others, []);
  assert.match(deno.purl, /^pkg:github\/denoland\/deno@v\d+\.\d+\.\d+#denort-x86_64-unknown-linux-gnu$/);
  assert.match(openvino.purl, /^pkg:pypi\/openvino@2026\.4\.1\?platform=manylinux_2_28_x86_64$/);
  assert.equal(openvino.components.length, 1);
  assert.equal(openvino.components[0].hashes[0].content, "cd".repeat(32));
  assert.match(tokenizers.purl, /^pkg:pypi\/openvino-tokenizers@2026\.4\.1\.0\?platform=manylinux_2_28_x86_64$/);
  assert.equal(tokenizers.components.length, 1);
  assert.equal(tokenizers.components[0].hashes[0].content, "ef".repeat(32));
  assert.equal(zod.purl, `pkg:npm/zod@${it.package.version}`);
  assert.deepEqual(zod.licenses, [{ license: { id: "MIT" } }]);
  assert.match(zod.hashes[0].content, /^[\da-f]{128}$/);
  assert.deepEqual(
    sbom.dependencies[0].dependsOn,
    sbom.components.map((component: { purl: string }) => component.purl),
  );
});
