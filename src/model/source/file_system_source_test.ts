import assert from "node:assert/strict";
import type { VersionPolicy } from "../../core/version_policy.ts";
import { ALL, LATEST, LONG_AGO, SourceRig } from "../testing/source_rig.ts";

Deno.test("FileSystemSource adds, changes and removes models without touching the others", async () => {
  await using rig = await SourceRig.make();
  for (const path of ["a/1", "a/2", "b/1", "c/5"]) await rig.write(path);
  const model = (name: string, policy: VersionPolicy = LATEST, folder = name) => ({
    name,
    versionPolicy: policy,
    basePath: `${rig.root}/${folder}`,
  });
  await rig.source.setModels([model("a"), model("b")]);
  assert.deepEqual([rig.versions("a"), rig.versions("b")], [[2], [1]]);
  rig.aspired.clear();
  await rig.source.setModels([model("a", ALL), model("b"), model("c")]);
  assert.deepEqual([rig.versions("a"), rig.versions("b"), rig.versions("c")], [[2, 1], undefined, [5]]);
  rig.aspired.clear();
  await rig.source.setModels([model("a", ALL, "c"), model("c")]);
  assert.deepEqual([rig.versions("a"), rig.versions("b"), rig.versions("c")], [[5], [], undefined]);
});

Deno.test("FileSystemSource polls by its timer until it is disposed", async () => {
  const rig = await SourceRig.make({ pollIntervalMs: 250 });
  {
    await using _ = rig;
    await rig.write("m/1");
    await rig.watch();
    assert.deepEqual(rig.timer.delaysMs, [250]);
    const reports = rig.reports;
    rig.timer.fire();
    assert.deepEqual(rig.timer.delaysMs, [250]);
    await rig.source.poll();
    assert.equal(rig.reports, reports + 1, "a running look is not started twice");
  }
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("FileSystemSource with an interval of 0 looks once at each model, and accepts it as it is", async () => {
  await using rig = await SourceRig.make({ pollIntervalMs: 0 });
  await rig.write("m/1");
  await Deno.mkdir(`${rig.root}/m/2`);
  await rig.watch(ALL);
  assert.deepEqual(rig.versions(), [2, 1]);
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("FileSystemSource with a negative interval never looks by itself", async () => {
  await using rig = await SourceRig.make({ pollIntervalMs: -1 });
  await rig.write("m/1");
  await rig.watch();
  assert.equal(rig.reports, 0);
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("FileSystemSource.setModels() waits until new models are decided", async () => {
  await using rig = await SourceRig.make();
  await Deno.mkdir(`${rig.root}/m/1`, { recursive: true });
  let isReady = false;
  const ready = rig.watch().then(() => isReady = true);
  for (let look = 0; look < 5; look++) {
    await rig.source.poll();
    assert.equal(isReady, false);
  }
  await rig.source.poll();
  await ready;
  assert.deepEqual(rig.versions(), [1]);
});

Deno.test("FileSystemSource.setModels() resolves when the models it waits for are removed", async () => {
  await using rig = await SourceRig.make();
  await Deno.mkdir(`${rig.root}/m/1`, { recursive: true });
  const ready = rig.watch();
  await rig.source.setModels([]);
  await ready;
});

Deno.test("FileSystemSource looks at many quiet versions in turn", async () => {
  await using rig = await SourceRig.make();
  for (let version = 0; version < 25; version++) await rig.write(`m/${version}`);
  await rig.watch(ALL);
  for (const version of [0, 24]) await rig.write(`m/${version}`, "changed");
  for (let look = 0; look < 5; look++) await rig.source.poll();
  assert.deepEqual(rig.takeEvents().sort(), ["version files changed 0", "version files changed 24"]);
});

Deno.test("FileSystemSource lists many base paths in turn, but at once if the modification time has changed", async () => {
  await using rig = await SourceRig.make();
  const names = Array.from({ length: 40 }, (_, i) => `m${i}`);
  const rewind = (name: string) => Deno.utime(`${rig.root}/${name}`, LONG_AGO, LONG_AGO);
  for (const name of names) {
    await rig.write(`${name}/1`);
    await rewind(name);
  }
  await rig.source.setModels(names.map((name) => ({ name, basePath: `${rig.root}/${name}`, versionPolicy: LATEST })));
  await rig.write("m38/2");
  await rig.write("m39/2");
  await rewind("m39");
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual([rig.versions("m38"), rig.versions("m39")], [[2], [1]]);
  for (let look = 0; look < 4; look++) await rig.source.poll();
  assert.deepEqual([rig.versions("m38"), rig.versions("m39")], [[2], [2]]);
});

Deno.test("FileSystemSource does not trust the modification time of a base path that has just changed", async () => {
  await using rig = await SourceRig.make();
  const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
  for (const name of names) await rig.write(`${name}/1`);
  const now = new Date();
  await Deno.utime(`${rig.root}/m19`, now, now);
  await rig.source.setModels(names.map((name) => ({ name, basePath: `${rig.root}/${name}`, versionPolicy: LATEST })));
  await rig.write("m19/2");
  await Deno.utime(`${rig.root}/m19`, now, now);
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.versions("m19"), [2]);
});
