import assert from "node:assert/strict";
import { FileSystemSource } from "./file_system_source.ts";
import { asOrdinaryUser, testIn } from "../../system/testing/environments.ts";
import { ALL, LATEST, SourceRig } from "../testing/source_rig.ts";

Deno.test("FileSystemSource trusts files written just before it started only once they are unchanged", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  const aspired: number[][] = [];
  await using source = new FileSystemSource(1000, {
    onAspired: (_, versions) => aspired.push([...versions.keys()]),
    onEvent: () => {},
  }, { timer: rig.timer.start, now: () => Deno.statSync(`${rig.root}/m/1/m.onnx`).mtime?.getTime() ?? 0 });
  const ready = source.setModels([{ name: "m", basePath: `${rig.root}/m`, versionPolicy: LATEST }]);
  await source.poll();
  await source.poll();
  await ready;
  assert.deepEqual(aspired, [[1]]);
});

Deno.test("FileSystemSource trusts a complete IR at once, however new", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await Deno.rename(`${rig.root}/m/1/m.onnx`, `${rig.root}/m/1/m.xml`);
  await Deno.writeTextFile(`${rig.root}/m/1/m.xml`, "<net></net>");
  let versions: number[] = [];
  await using source = new FileSystemSource(1000, {
    onAspired: (_, aspired) => versions = [...aspired.keys()],
    onEvent: () => {},
  }, { timer: rig.timer.start, now: () => 0 });
  await source.setModels([{ name: "m", basePath: `${rig.root}/m`, versionPolicy: LATEST }]);
  assert.deepEqual(versions, [1]);
});

Deno.test("FileSystemSource waits until the files of a new version are unchanged", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  let content = "";
  for (let part = 0; part < 4; part++) {
    await rig.write("m/2", content += "part");
    await rig.source.poll();
    assert.deepEqual(rig.versions(), [1]);
  }
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

Deno.test("FileSystemSource waits for a file that is copied under a temporary name", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  await rig.write("m/2");
  for (let part = 0; part < 3; part++) {
    await Deno.writeTextFile(`${rig.root}/m/2/.weights.data.Xq7`, "part", { append: true });
    await rig.source.poll();
  }
  assert.deepEqual(rig.versions(), [1]);
});

Deno.test("FileSystemSource stops waiting for incomplete files, so that loading reports the error", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.mkdir(`${rig.root}/m/2`);
  for (let look = 0; look < 5; look++) {
    await rig.source.poll();
    assert.deepEqual(rig.versions(), [1]);
  }
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
  await rig.source.poll();
  assert.deepEqual(rig.takeEvents(), ["version incomplete 2"]);
  const broken = rig.fingerprint(2);
  await rig.write("m/2");
  await rig.source.poll();
  assert.equal(rig.fingerprint(2), broken);
  await rig.source.poll();
  assert.notEqual(rig.fingerprint(2), broken);
});

Deno.test("FileSystemSource accepts a version renamed into place once it was seen unchanged", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.write("m/2.tmp");
  await rig.watch();
  await Deno.rename(`${rig.root}/m/2.tmp`, `${rig.root}/m/2`);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

Deno.test("FileSystemSource follows symbolic links to versions, and notices when they change", async () => {
  await using rig = await SourceRig.make();
  await rig.write("a", "one");
  await rig.write("b", "two");
  await Deno.mkdir(`${rig.root}/m`);
  await Deno.symlink("../a", `${rig.root}/m/1`);
  await rig.watch();
  assert.deepEqual(rig.versions(), [1]);
  const before = rig.fingerprint(1);
  await Deno.symlink("../b", `${rig.root}/m/new`);
  await Deno.rename(`${rig.root}/m/new`, `${rig.root}/m/1`);
  await rig.source.poll();
  await rig.source.poll();
  assert.notEqual(rig.fingerprint(1), before);
  assert.deepEqual(rig.takeEvents(), ["version files changed 1"]);
  await Deno.remove(`${rig.root}/b`, { recursive: true });
  await rig.source.poll();
  assert.deepEqual(rig.versions(), []);
});

Deno.test("FileSystemSource reports changed files of a version once, when they have settled again", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  const before = rig.fingerprint(1);
  await rig.write("m/1", "changed");
  await rig.source.poll();
  assert.deepEqual(rig.takeEvents(), []);
  assert.equal(rig.fingerprint(1), before);
  for (let look = 0; look < 3; look++) await rig.source.poll();
  assert.deepEqual(rig.takeEvents(), ["version files changed 1"]);
  assert.notEqual(rig.fingerprint(1), before);
  assert.deepEqual(rig.versions(), [1]);
});

Deno.test("FileSystemSource notices a file that was written to without changing its size", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.utime(`${rig.root}/m/1/m.onnx`, 2000, 2000);
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.takeEvents(), ["version files changed 1"]);
});

Deno.test("FileSystemSource waits until a new IR is unchanged, even a complete one", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.mkdir(`${rig.root}/m/2`);
  await Deno.writeTextFile(`${rig.root}/m/2/m.xml`, "<net></net>");
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

Deno.test("FileSystemSource notices a file that was replaced by one of the same size and time", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  const file = `${rig.root}/m/1/m.onnx`;
  await Deno.utime(file, 1000, 1000);
  await rig.watch();
  await Deno.writeTextFile(`${rig.root}/other`, "ledom");
  await Deno.utime(`${rig.root}/other`, 1000, 1000);
  await Deno.rename(`${rig.root}/other`, file);
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.takeEvents(), ["version files changed 1"]);
});

Deno.test("FileSystemSource keeps the serving version while its replacement is being copied", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.remove(`${rig.root}/m/1`, { recursive: true });
  await rig.write("m/2");
  const reports = rig.reports;
  await rig.source.poll();
  assert.equal(rig.reports, reports);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

testIn(await asOrdinaryUser(), {
  name:
    "FileSystemSource keeps a version whose folder becomes unreadable, and aspires a new unreadable one so that loading reports the error",
  file: import.meta.url,
  fn: async () => {
    await using rig = await SourceRig.make();
    await rig.write("m/1");
    await rig.watch(ALL);
    await rig.write("m/2");
    for (const version of [1, 2]) await Deno.chmod(`${rig.root}/m/${version}`, 0);
    for (let look = 0; look < 6; look++) await rig.source.poll();
    assert.deepEqual(rig.versions(), [2, 1]);
    assert.deepEqual(rig.events.map(({ kind, reason }) => [kind, reason]), [
      ["version incomplete", `Cannot read ${rig.root}/m/2: permission denied`],
    ]);
    const unreadable = rig.fingerprint(2);
    for (const version of [1, 2]) await Deno.chmod(`${rig.root}/m/${version}`, 0o700);
    for (let look = 0; look < 2; look++) await rig.source.poll();
    assert.notEqual(rig.fingerprint(2), unreadable);
    assert.deepEqual(rig.versions(), [2, 1]);
  },
});
