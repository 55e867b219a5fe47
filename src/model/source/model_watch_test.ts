import assert from "node:assert/strict";
import type { VersionPolicy } from "../../core/version_policy.ts";
import { asOrdinaryUser, testIn, withMounts } from "../../system/testing/environments.ts";
import { ALL, LATEST, SourceRig } from "../testing/source_rig.ts";

Deno.test("FileSystemSource aspires existing versions at once when it starts, by the policy", async () => {
  const cases: [VersionPolicy, number[]][] = [
    [LATEST, [10]],
    [{ kind: "latest", count: 2 }, [10, 2]],
    [ALL, [10, 2, 0]],
    [{ kind: "specific", versions: [2] }, [2]],
  ];
  for (const [policy, expected] of cases) {
    await using rig = await SourceRig.make();
    for (const version of [0, 2, 10]) await rig.write(`m/${version}`);
    await rig.watch(policy);
    assert.deepEqual(rig.versions(), expected);
    assert.equal(rig.aspired.get("m")?.get(2)?.origin ?? `${rig.root}/m/2`, `${rig.root}/m/2`);
    assert.deepEqual(rig.takeEvents(), []);
  }
});

Deno.test("FileSystemSource reads whole numbers as versions, leading zeros or not", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/00123");
  await rig.write("m/0");
  await rig.watch(ALL);
  assert.deepEqual(rig.versions(), [123, 0]);
  assert.equal(rig.aspired.get("m")?.get(123)?.origin, `${rig.root}/m/00123`);
});

Deno.test("FileSystemSource ignores all other names silently", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/7");
  for (const name of [".1", "2.tmp", "3~", "+4", "-5", "1e3", "0x6", "v8", "lost+found", "..data"]) {
    await rig.write(`m/${name}`);
  }
  await Deno.writeTextFile(`${rig.root}/m/9`, "a plain file");
  await Deno.symlink("nowhere", `${rig.root}/m/10`);
  await Deno.symlink("9", `${rig.root}/m/11`);
  await rig.watch(ALL);
  assert.deepEqual(rig.versions(), [7]);
  assert.deepEqual(rig.takeEvents(), []);
});

Deno.test("FileSystemSource reports numbers that are not versions once", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.write("m/01");
  await rig.write("m/9007199254740992");
  await rig.watch(ALL);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.equal(rig.aspired.get("m")?.get(1)?.origin, `${rig.root}/m/1`);
  assert.deepEqual(rig.events.map(({ kind, reason }) => [kind, reason?.replace(rig.root, "")]), [
    ["folder ignored", "/m/01: Version 1 is in folder 1 too"],
    ["folder ignored", "/m/9007199254740992: Version numbers end at 9007199254740991"],
  ]);
});

Deno.test("FileSystemSource follows a base path that is a symbolic link, and notices when the link changes", async () => {
  await using rig = await SourceRig.make();
  await rig.write("a/1");
  await rig.write("b/2");
  await Deno.symlink("a", `${rig.root}/m`);
  await rig.watch();
  assert.deepEqual(rig.versions(), [1]);
  await Deno.symlink("b", `${rig.root}/new`);
  await Deno.rename(`${rig.root}/new`, `${rig.root}/m`);
  const reports = rig.reports;
  await rig.source.poll();
  assert.equal(rig.reports, reports, "nothing may be reported while the only version has not settled");
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

Deno.test("FileSystemSource aspires nothing while the base path is missing, and reports each change once", async () => {
  await using rig = await SourceRig.make();
  await rig.watch();
  await rig.source.poll();
  assert.equal(rig.reports, 0);
  assert.deepEqual(rig.takeEvents(), ["base path unreadable"]);
  await rig.write("m/1");
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.deepEqual(rig.takeEvents(), ["base path readable"]);
  await Deno.rename(`${rig.root}/m`, `${rig.root}/away`);
  const reports = rig.reports;
  await rig.source.poll();
  await rig.source.poll();
  assert.equal(rig.reports, reports);
  assert.deepEqual(rig.events.splice(0).map(({ kind, reason }) => [kind, reason]), [
    ["base path unreadable", `Cannot find ${rig.root}/m`],
  ]);
  await Deno.rename(`${rig.root}/away`, `${rig.root}/m`);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.deepEqual(rig.takeEvents(), ["base path readable"]);
});

testIn(await asOrdinaryUser(), {
  name: "FileSystemSource aspires nothing while the base path cannot be read",
  file: import.meta.url,
  fn: async () => {
    await using rig = await SourceRig.make();
    await rig.write("m/1");
    await rig.watch();
    await Deno.chmod(`${rig.root}/m`, 0);
    const reports = rig.reports;
    await rig.source.poll();
    await rig.source.poll();
    assert.equal(rig.reports, reports);
    assert.deepEqual(rig.takeEvents(), ["base path unreadable"]);
    await Deno.chmod(`${rig.root}/m`, 0o700);
    await rig.source.poll();
    assert.deepEqual([rig.versions(), rig.takeEvents()], [[1], ["base path readable"]]);
  },
});

Deno.test("FileSystemSource aspires nothing while the base path is a file", async () => {
  await using rig = await SourceRig.make();
  await Deno.writeTextFile(`${rig.root}/m`, "");
  await rig.watch();
  assert.equal(rig.reports, 0);
  assert.deepEqual(rig.takeEvents(), ["base path unreadable"]);
});

Deno.test("FileSystemSource aspires an empty set for an empty base path", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.remove(`${rig.root}/m/1`, { recursive: true });
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.versions(), []);
  assert.deepEqual(rig.takeEvents(), ["versions missing"]);
});

/** Whether /dev/shm is another file system than that of temporary folders. */
const twoFileSystems = isOnAnotherFileSystem("/dev/shm", Deno.env.get("TMPDIR") ?? "/tmp")
  ? { through: [], unavailable: undefined }
  : await withMounts("mount -t tmpfs none /dev/shm; export TMPDIR=/tmp");

testIn(twoFileSystems, {
  name: "FileSystemSource treats an empty base path on another file system as unmounted",
  file: import.meta.url,
  fn: async () => {
    await using rig = await SourceRig.make();
    const mountPoint = await Deno.makeTempDir({ dir: "/dev/shm" });
    try {
      await rig.write("volume/1");
      await Deno.symlink("volume", `${rig.root}/m`);
      await rig.watch();
      await Deno.symlink(mountPoint, `${rig.root}/new`);
      await Deno.rename(`${rig.root}/new`, `${rig.root}/m`);
      await rig.source.poll();
      assert.deepEqual(rig.versions(), [1]);
      assert.deepEqual(rig.takeEvents(), ["base path unreadable"]);
    } finally {
      await Deno.remove(mountPoint);
    }
  },
});

function isOnAnotherFileSystem(one: string, other: string): boolean {
  try {
    return Deno.statSync(one).dev !== Deno.statSync(other).dev;
  } catch {
    return false;
  }
}

Deno.test("FileSystemSource reports missing versions of a specific policy once", async () => {
  await using rig = await SourceRig.make();
  await rig.write("m/1");
  await rig.watch({ kind: "specific", versions: [1, 2, 3] });
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.deepEqual(rig.events.map(({ reason }) => reason), [
    `${rig.root}/m has no version 2, 3, which the policy names`,
  ]);
});

Deno.test("FileSystemSource changes nothing when the base path moves between listing it and looking at its versions", async () => {
  for (const turnsTo of ["b", undefined]) {
    await using rig = await SourceRig.make();
    await rig.write("a/1");
    await rig.write("b/2");
    await Deno.symlink("a", `${rig.root}/m`);
    await rig.watch();
    assert.deepEqual(rig.versions(), [1]);
    const move = async () => {
      await Deno.remove(`${rig.root}/m`);
      if (turnsTo !== undefined) await Deno.symlink(turnsTo, `${rig.root}/m`);
    };
    const readDir = Deno.readDir;
    let hasMoved = false;
    Deno.readDir = async function* (path: string | URL): AsyncGenerator<Deno.DirEntry> {
      yield* readDir(path);
      if (path !== `${rig.root}/m` || hasMoved) return;
      hasMoved = true;
      await move();
    };
    try {
      // A look that also lists unchanged base paths.
      await Deno.utime(`${rig.root}/a`, new Date(), new Date());
      const reports = rig.reports;
      while (!hasMoved) await rig.source.poll();
      assert.equal(rig.reports, reports, "such a look reports nothing");
    } finally {
      Deno.readDir = readDir;
    }
    assert.deepEqual(rig.versions(), [1]);
    for (let look = 0; look < 3; look++) await rig.source.poll();
    assert.deepEqual(rig.versions(), turnsTo === undefined ? [1] : [2]);
  }
});
