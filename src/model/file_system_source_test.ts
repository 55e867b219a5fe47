import assert from "node:assert/strict";
import { ManualTimer } from "../core/manual_timer.ts";
import type { VersionPolicy } from "../core/version_policy.ts";
import { FileSystemSource, type SourceEvent, type VersionFiles } from "./file_system_source.ts";

const ALL: VersionPolicy = { kind: "all" };
const LATEST: VersionPolicy = { kind: "latest", count: 1 };

/** A source, a folder for models, and what the source has said. */
class Rig implements AsyncDisposable {
  readonly timer = new ManualTimer();
  readonly events: SourceEvent[] = [];
  /** What was said last of each model. */
  readonly aspired = new Map<string, ReadonlyMap<number, VersionFiles>>();
  /** How often something was said. */
  said = 0;
  readonly source: FileSystemSource;

  private constructor(readonly root: string, pollIntervalMs: number) {
    this.source = new FileSystemSource({
      pollIntervalMs,
      onAspired: (name, versions) => {
        this.said++;
        this.aspired.set(name, versions);
      },
      onEvent: (event) => this.events.push(event),
      timer: this.timer.start,
      // Files of these tests are written just now; what the first look makes of that is tested by itself.
      now: () => Date.now() + 3_600_000,
    });
  }

  static async make({ pollIntervalMs = 1000 } = {}): Promise<Rig> {
    return new Rig(await Deno.realPath(await Deno.makeTempDir()), pollIntervalMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    await Deno.remove(this.root, { recursive: true });
  }

  /** Writes a version that cannot be told to be whole. */
  async write(path: string, content = "model"): Promise<void> {
    await Deno.mkdir(`${this.root}/${path}`, { recursive: true });
    await Deno.writeTextFile(`${this.root}/${path}/m.onnx`, content);
  }

  /** Watches `m`. */
  watch(policy: VersionPolicy = LATEST): Promise<void> {
    return this.source.setModels([{ name: "m", basePath: `${this.root}/m`, policy }]);
  }

  versions(name = "m"): number[] | undefined {
    const versions = this.aspired.get(name);
    return versions && [...versions.keys()];
  }

  fingerprint(version: number): string | undefined {
    return this.aspired.get("m")?.get(version)?.fingerprint;
  }

  /** The kinds of the events since the last call. */
  told(): string[] {
    return this.events.splice(0).map(({ kind, version }) => version === undefined ? kind : `${kind} ${version}`);
  }
}

Deno.test("FileSystemSource aspires at once what is there when it starts, by the policy", async () => {
  const cases: [VersionPolicy, number[]][] = [
    [LATEST, [10]],
    [{ kind: "latest", count: 2 }, [10, 2]],
    [ALL, [10, 2, 0]],
    [{ kind: "specific", versions: [2] }, [2]],
  ];
  for (const [policy, expected] of cases) {
    await using rig = await Rig.make();
    for (const version of [0, 2, 10]) await rig.write(`m/${version}`);
    await rig.watch(policy);
    assert.deepEqual(rig.versions(), expected);
    assert.equal(rig.aspired.get("m")?.get(2)?.folder ?? `${rig.root}/m/2`, `${rig.root}/m/2`);
    assert.deepEqual(rig.told(), []);
  }
});

Deno.test("FileSystemSource does not trust files written just before it started until they are quiet", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  const aspired: number[][] = [];
  await using source = new FileSystemSource({
    pollIntervalMs: 1000,
    onAspired: (_, versions) => aspired.push([...versions.keys()]),
    onEvent: () => {},
    timer: rig.timer.start,
    now: () => Deno.statSync(`${rig.root}/m/1/m.onnx`).mtime?.getTime() ?? 0,
  });
  const ready = source.setModels([{ name: "m", basePath: `${rig.root}/m`, policy: LATEST }]);
  await source.poll();
  await source.poll();
  await ready;
  assert.deepEqual(aspired, [[1]]);
});

Deno.test("FileSystemSource trusts at once an IR that is whole, however new", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await Deno.rename(`${rig.root}/m/1/m.onnx`, `${rig.root}/m/1/m.xml`);
  await Deno.writeTextFile(`${rig.root}/m/1/m.xml`, "<net></net>");
  let versions: number[] = [];
  await using source = new FileSystemSource({
    pollIntervalMs: 1000,
    onAspired: (_, aspired) => versions = [...aspired.keys()],
    onEvent: () => {},
    timer: rig.timer.start,
    now: () => 0,
  });
  await source.setModels([{ name: "m", basePath: `${rig.root}/m`, policy: LATEST }]);
  assert.deepEqual(versions, [1]);
});

Deno.test("FileSystemSource reads whole numbers as versions, leading zeros or not", async () => {
  await using rig = await Rig.make();
  await rig.write("m/00123");
  await rig.write("m/0");
  await rig.watch(ALL);
  assert.deepEqual(rig.versions(), [123, 0]);
  assert.equal(rig.aspired.get("m")?.get(123)?.folder, `${rig.root}/m/00123`);
});

Deno.test("FileSystemSource ignores all other names quietly", async () => {
  await using rig = await Rig.make();
  await rig.write("m/7");
  for (const name of [".1", "2.tmp", "3~", "+4", "-5", "1e3", "0x6", "v8", "lost+found", "..data"]) {
    await rig.write(`m/${name}`);
  }
  await Deno.writeTextFile(`${rig.root}/m/9`, "a plain file");
  await Deno.symlink("nowhere", `${rig.root}/m/10`);
  await Deno.symlink("9", `${rig.root}/m/11`);
  await rig.watch(ALL);
  assert.deepEqual(rig.versions(), [7]);
  assert.deepEqual(rig.told(), []);
});

Deno.test("FileSystemSource tells once of numbers that are not versions", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.write("m/01");
  await rig.write("m/9007199254740992");
  await rig.watch(ALL);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.equal(rig.aspired.get("m")?.get(1)?.folder, `${rig.root}/m/1`);
  assert.deepEqual(rig.events.map(({ kind, reason }) => [kind, reason?.replace(rig.root, "")]), [
    ["folder ignored", "/m/01: Version 1 is in folder 1 too"],
    ["folder ignored", "/m/9007199254740992: Version numbers end at 9007199254740991"],
  ]);
});

Deno.test("FileSystemSource waits until the files of a new version are quiet", async () => {
  await using rig = await Rig.make();
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
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.watch();
  await rig.write("m/2");
  for (let part = 0; part < 3; part++) {
    await Deno.writeTextFile(`${rig.root}/m/2/.weights.data.Xq7`, "part", { append: true });
    await rig.source.poll();
  }
  assert.deepEqual(rig.versions(), [1]);
});

Deno.test("FileSystemSource gives up waiting for files that are not whole, so that loading can say why", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.mkdir(`${rig.root}/m/2`);
  for (let look = 0; look < 5; look++) {
    await rig.source.poll();
    assert.deepEqual(rig.versions(), [1]);
  }
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
  assert.deepEqual(rig.told(), ["version incomplete 2"]);
  const broken = rig.fingerprint(2);
  await rig.write("m/2");
  await rig.source.poll();
  assert.equal(rig.fingerprint(2), broken);
  await rig.source.poll();
  assert.notEqual(rig.fingerprint(2), broken);
});

Deno.test("FileSystemSource takes a version renamed into place once it was seen quiet", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.write("m/2.tmp");
  await rig.watch();
  await Deno.rename(`${rig.root}/m/2.tmp`, `${rig.root}/m/2`);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

Deno.test("FileSystemSource follows symbolic links to versions, and sees when they are turned", async () => {
  await using rig = await Rig.make();
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
  assert.deepEqual(rig.told(), ["version files changed 1"]);
  await Deno.remove(`${rig.root}/b`, { recursive: true });
  await rig.source.poll();
  assert.deepEqual(rig.versions(), []);
});

Deno.test("FileSystemSource follows a base path that is a symbolic link, and sees when it is turned", async () => {
  await using rig = await Rig.make();
  await rig.write("a/1");
  await rig.write("b/2");
  await Deno.symlink("a", `${rig.root}/m`);
  await rig.watch();
  assert.deepEqual(rig.versions(), [1]);
  await Deno.symlink("b", `${rig.root}/new`);
  await Deno.rename(`${rig.root}/new`, `${rig.root}/m`);
  const said = rig.said;
  await rig.source.poll();
  assert.equal(rig.said, said, "nothing may be said while the only version has not settled");
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

Deno.test("FileSystemSource tells once that the files of a version have changed, when they are quiet again", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.watch();
  const before = rig.fingerprint(1);
  await rig.write("m/1", "changed");
  await rig.source.poll();
  assert.deepEqual(rig.told(), []);
  assert.equal(rig.fingerprint(1), before);
  for (let look = 0; look < 3; look++) await rig.source.poll();
  assert.deepEqual(rig.told(), ["version files changed 1"]);
  assert.notEqual(rig.fingerprint(1), before);
  assert.deepEqual(rig.versions(), [1]);
});

Deno.test("FileSystemSource sees that a file was replaced by one of the same size and time", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  const file = `${rig.root}/m/1/m.onnx`;
  await Deno.utime(file, 1000, 1000);
  await rig.watch();
  await Deno.writeTextFile(`${rig.root}/other`, "ledom");
  await Deno.utime(`${rig.root}/other`, 1000, 1000);
  await Deno.rename(`${rig.root}/other`, file);
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.told(), ["version files changed 1"]);
});

Deno.test("FileSystemSource says nothing while the base path is missing, and tells of each change once", async () => {
  await using rig = await Rig.make();
  await rig.watch();
  await rig.source.poll();
  assert.equal(rig.said, 0);
  assert.deepEqual(rig.told(), ["base path unreadable"]);
  await rig.write("m/1");
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.deepEqual(rig.told(), ["base path readable"]);
  await Deno.rename(`${rig.root}/m`, `${rig.root}/away`);
  const said = rig.said;
  await rig.source.poll();
  await rig.source.poll();
  assert.equal(rig.said, said);
  assert.deepEqual(rig.events.splice(0).map(({ kind, reason }) => [kind, reason]), [
    ["base path unreadable", `Cannot find ${rig.root}/m`],
  ]);
  await Deno.rename(`${rig.root}/away`, `${rig.root}/m`);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.deepEqual(rig.told(), ["base path readable"]);
});

Deno.test("FileSystemSource says nothing while the base path is a file", async () => {
  await using rig = await Rig.make();
  await Deno.writeTextFile(`${rig.root}/m`, "");
  await rig.watch();
  assert.equal(rig.said, 0);
  assert.deepEqual(rig.told(), ["base path unreadable"]);
});

Deno.test("FileSystemSource aspires nothing when the base path is there and empty", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.remove(`${rig.root}/m/1`, { recursive: true });
  await rig.source.poll();
  await rig.source.poll();
  assert.deepEqual(rig.versions(), []);
  assert.deepEqual(rig.told(), ["versions missing"]);
});

Deno.test({
  name: "FileSystemSource takes an empty base path on another file system for an unmounted one",
  // Needs two file systems that anyone may write to.
  ignore: !isOnAnotherFileSystem("/dev/shm", Deno.env.get("TMPDIR") ?? "/tmp"),
  fn: async () => {
    await using rig = await Rig.make();
    const mountPoint = await Deno.makeTempDir({ dir: "/dev/shm" });
    try {
      await rig.write("volume/1");
      await Deno.symlink("volume", `${rig.root}/m`);
      await rig.watch();
      await Deno.symlink(mountPoint, `${rig.root}/new`);
      await Deno.rename(`${rig.root}/new`, `${rig.root}/m`);
      await rig.source.poll();
      assert.deepEqual(rig.versions(), [1]);
      assert.deepEqual(rig.told(), ["base path unreadable"]);
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

Deno.test("FileSystemSource keeps what serves while its replacement is still being copied", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.watch();
  await Deno.remove(`${rig.root}/m/1`, { recursive: true });
  await rig.write("m/2");
  const said = rig.said;
  await rig.source.poll();
  assert.equal(rig.said, said);
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [2]);
});

Deno.test("FileSystemSource tells once which versions of a specific policy are missing", async () => {
  await using rig = await Rig.make();
  await rig.write("m/1");
  await rig.watch({ kind: "specific", versions: [1, 2, 3] });
  await rig.source.poll();
  assert.deepEqual(rig.versions(), [1]);
  assert.deepEqual(rig.events.map(({ reason }) => reason), [
    `${rig.root}/m has no version 2, 3, which the policy names`,
  ]);
});

Deno.test("FileSystemSource adds, changes and removes models without touching the others", async () => {
  await using rig = await Rig.make();
  for (const path of ["a/1", "a/2", "b/1", "c/5"]) await rig.write(path);
  const model = (name: string, policy: VersionPolicy = LATEST, folder = name) => ({
    name,
    policy,
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

Deno.test("FileSystemSource polls by its timer, and no more when it is disposed", async () => {
  const rig = await Rig.make({ pollIntervalMs: 250 });
  {
    await using _ = rig;
    await rig.write("m/1");
    await rig.watch();
    assert.deepEqual(rig.timer.delaysMs, [250]);
    const said = rig.said;
    rig.timer.fire();
    assert.deepEqual(rig.timer.delaysMs, [250]);
    await rig.source.poll();
    assert.equal(rig.said, said + 1, "a look under way is not begun twice");
  }
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("FileSystemSource with an interval of 0 looks once at each model, and takes all as it is", async () => {
  await using rig = await Rig.make({ pollIntervalMs: 0 });
  await rig.write("m/1");
  await Deno.mkdir(`${rig.root}/m/2`);
  await rig.watch(ALL);
  assert.deepEqual(rig.versions(), [2, 1]);
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("FileSystemSource with an interval below 0 never looks by itself", async () => {
  await using rig = await Rig.make({ pollIntervalMs: -1 });
  await rig.write("m/1");
  await rig.watch();
  assert.equal(rig.said, 0);
  assert.deepEqual(rig.timer.delaysMs, []);
});

Deno.test("FileSystemSource.setModels() waits until new models are decided", async () => {
  await using rig = await Rig.make();
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

Deno.test("FileSystemSource.setModels() ends when what it waits for is removed", async () => {
  await using rig = await Rig.make();
  await Deno.mkdir(`${rig.root}/m/1`, { recursive: true });
  const ready = rig.watch();
  await rig.source.setModels([]);
  await ready;
});

Deno.test("FileSystemSource looks at many quiet versions in turn", async () => {
  await using rig = await Rig.make();
  for (let version = 0; version < 40; version++) await rig.write(`m/${version}`);
  await rig.watch(ALL);
  for (const version of [0, 39]) await rig.write(`m/${version}`, "changed");
  for (let look = 0; look < 4; look++) await rig.source.poll();
  assert.deepEqual(rig.told().sort(), ["version files changed 0", "version files changed 39"]);
});
