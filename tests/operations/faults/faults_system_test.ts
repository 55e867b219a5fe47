/** A system that fails the server, while a client asks it without a pause: permissions, mounts, disks and clocks. */
import assert from "node:assert/strict";
import { FaultRig } from "./fault_rig.ts";
import {
  asOrdinaryUser,
  inMountsOf,
  isMissing,
  withClock,
  withMounts,
} from "../../../src/system/testing/environments.ts";
import { Scratch } from "../../support/scratch.ts";

const user = await asOrdinaryUser();
const mounts = await withMounts("mount -t tmpfs none /mnt");
const clock = await withClock("/dev/null");
const noUser = isMissing(user, "permissions of files");
const noMounts = isMissing(mounts, "mounts");
const noClock = isMissing(clock, "a clock that is set");

Deno.test("an unreadable version reports why, and is served once it is readable", {
  ignore: noUser,
}, async () => {
  await using rig = await FaultRig.start({ through: user.through });
  await Deno.chmod(await rig.prepare(2), 0);
  await rig.put(2);
  const { error } = await rig.event("version failed", 2);
  await rig.polls();
  await rig.polls();
  const reason = "Cannot read the version's folder: permission denied";
  assert.deepEqual(await rig.states(), [`2 END PERMISSION_DENIED: ${reason}`, "1 AVAILABLE"]);
  assert.equal(error, `Cannot read ${rig.path(2)}: permission denied`);
  assert.deepEqual(rig.told(2), ["version incomplete", "start", "loading", "version failed"]);
  await Deno.chmod(rig.path(2), 0o700);
  await rig.state(1, "end");
  assert.deepEqual(await rig.states(), ["2 AVAILABLE", "1 END"]);
  await rig.finish();
});

Deno.test("a serving version continues when its folder or the base path becomes unreadable", {
  ignore: noUser,
}, async () => {
  await using rig = await FaultRig.start({ through: user.through });
  await Deno.chmod(rig.path(1), 0);
  await rig.polls();
  await Deno.chmod(rig.basePath, 0);
  const { reason } = await rig.event("base path unreadable");
  assert.equal(reason, `Cannot read ${rig.basePath}: permission denied`);
  await rig.polls();
  assert.deepEqual(await rig.states(), ["1 AVAILABLE"]);
  await Deno.chmod(rig.basePath, 0o700);
  await rig.event("base path readable");
  await Deno.chmod(rig.path(1), 0o700);
  await rig.polls();
  assert.deepEqual(await rig.states(), ["1 AVAILABLE"]);
  assert.deepEqual(rig.toldOfModel(), ["base path unreadable", "base path readable"]);
  assert.deepEqual(rig.told(1), ["start", "loading", "available"]);
  await rig.finish();
});

Deno.test("a base path whose file system is unmounted unloads nothing, and is watched again when it is mounted", {
  ignore: noMounts,
}, async () => {
  await using disk = await Scratch.make();
  await disk.addVersion("half", { model: "half_plus_two", version: 1 });
  const point = await Deno.makeTempDir();
  const mount = `mount --bind ${disk.path}/half ${point}`;
  // A bind mount is of the same device as its source, so what is under it has to be of another: a tmpfs, and empty.
  const { through } = await withMounts(`mount -t tmpfs none ${point}; ${mount}`);
  await using rig = await FaultRig.start({
    through,
    versions: [],
    prepare: (scratch) => Deno.symlink(point, `${scratch.path}/half`),
  });
  await inMountsOf(rig.server.pid, `umount --lazy ${point}`);
  const { reason } = await rig.event("base path unreadable");
  assert.equal(reason, `${rig.basePath} is empty and on another file system than its versions were`);
  await rig.polls();
  assert.deepEqual(await rig.states(), ["1 AVAILABLE"]);
  await inMountsOf(rig.server.pid, mount);
  await rig.event("base path readable");
  await disk.addVersion("half", { model: "half_plus_two", version: 2 });
  await rig.state(1, "end");
  assert.deepEqual(rig.toldOfModel(), ["base path unreadable", "base path readable"]);
  await rig.finish();
  await Deno.remove(point);
});

const FULL_DISKS = {
  "a file cannot be written": { options: "size=4k", folder: "" },
  "a folder cannot be made": { options: "nr_inodes=2", folder: "/compiled" },
};

for (const [what, { options, folder }] of Object.entries(FULL_DISKS)) {
  Deno.test(`versions are loaded without a cache where its disk is full: ${what}`, { ignore: noMounts }, async () => {
    const disk = await Deno.makeTempDir();
    const fill = `mount -t tmpfs -o mode=777,${options} none ${disk}; head -c 4096 /dev/zero > ${disk}/ballast`;
    const { through } = await withMounts(fill);
    await using rig = await FaultRig.start({ through, args: ["--cache_dir", `${disk}${folder}`] });
    for (const version of [2, 3]) {
      await rig.add(version);
      await rig.state(version - 1, "end");
    }
    await rig.finish();
    assert.deepEqual(rig.load.versions, ["1", "2", "3"]);
    await Deno.remove(disk);
  });
}

Deno.test("versions come and go while the clock is set back and forth", {
  ignore: noClock,
}, async () => {
  await using folder = await Scratch.make();
  const file = await folder.write("clock", "+0\n");
  const { through } = await withClock(file);
  await using rig = await FaultRig.start({ through });
  const startedAt = Date.parse(String(rig.server.events("server started")[0]?.time));
  let version = 1;
  for (const offset of ["-2d", "+1h", "-3h", "+0"]) {
    await folder.write("clock", `${offset}\n`);
    await rig.add(++version);
    await rig.state(version - 1, "end");
    if (version === 2) {
      const { time } = await rig.server.event("version state changed", ({ state }) => state === "end");
      assert(Date.parse(String(time)) < startedAt, "the clock was not set back");
    }
  }
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["1", "2", "3", "4", "5"]);
});

Deno.test("versions are found and loaded whatever the times of their files and folders say", async () => {
  const never = new Date(0);
  await using rig = await FaultRig.start({ prepare: (scratch) => Deno.utime(`${scratch.path}/half`, never, never) });
  for (const [i, hours] of [24, -24, 0.5, -24 * 365].entries()) {
    const version = i + 2;
    const time = new Date(Date.now() + hours * 3_600_000);
    const folder = await rig.prepare(version);
    for await (const { name } of Deno.readDir(folder)) await Deno.utime(`${folder}/${name}`, time, time);
    await Deno.utime(folder, time, time);
    await rig.put(version);
    await Deno.utime(rig.basePath, never, never);
    await rig.state(version - 1, "end");
  }
  await rig.finish();
  assert.deepEqual(rig.load.versions, ["1", "2", "3", "4", "5"]);
});
