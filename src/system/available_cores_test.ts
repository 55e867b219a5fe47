import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type AvailableCores, availableCores } from "./available_cores.ts";

const MACHINE = { online: 8, allowed: 8 };

/** Counts with a file system of its own: contents by path. */
function count(files: Record<string, string>, processors = MACHINE): AvailableCores {
  const root = Deno.makeTempDirSync();
  try {
    for (const [path, text] of Object.entries(files)) {
      Deno.mkdirSync(join(root, dirname(path)), { recursive: true });
      Deno.writeTextFileSync(join(root, path), text);
    }
    return availableCores({ root, processors });
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

/** Version 2 of control groups, as systemd mounts it. */
function unified(group: string, files: Record<string, string>): Record<string, string> {
  return {
    "proc/self/cgroup": `0::${group}\n`,
    "proc/self/mountinfo": "23 1 8:1 / / rw - ext4 /dev/vda1 rw\n" +
      "31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
    ...files,
  };
}

/** Version 1 with separate controllers; `mounted` is the group at the mount point. */
function controllers(group: string, mounted: string, files: Record<string, string>): Record<string, string> {
  return {
    "proc/self/cgroup": `5:memory:${group}\n4:cpu,cpuacct:${group}\n1:name=systemd:/\n0::/\n`,
    "proc/self/mountinfo": `33 31 0:29 ${mounted} /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n` +
      `34 31 0:30 ${mounted} /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n`,
    ...files,
  };
}

const linuxTest = (name: string, fn: () => void) =>
  Deno.test({ name: `availableCores() ${name}`, ignore: Deno.build.os !== "linux", fn });

linuxTest("is what the process may run on where no quota is set", () => {
  assert.deepEqual(count({}), { count: 8, limit: "machine" });
  assert.deepEqual(count({}, { online: 8, allowed: 3 }), { count: 3, limit: "affinity" });
  assert.deepEqual(count(unified("/a", { "sys/fs/cgroup/a/cpu.max": "max 100000\n" })), { count: 8, limit: "machine" });
});

linuxTest("counts a part of a processor as a whole one", () => {
  const withQuota = (quota: string) => count(unified("/a/b", { "sys/fs/cgroup/a/b/cpu.max": quota }));
  assert.deepEqual(withQuota("150000 100000\n"), { count: 2, limit: "quota" });
  assert.deepEqual(withQuota("200000 100000\n"), { count: 2, limit: "quota" });
  assert.deepEqual(withQuota("1000 100000\n"), { count: 1, limit: "quota" });
});

linuxTest("takes the smallest of all limits", () => {
  const files = { "sys/fs/cgroup/a/cpu.max": "300000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "500000 100000\n" };
  assert.deepEqual(count(unified("/a/b", files)), { count: 3, limit: "quota" });
  assert.deepEqual(count(unified("/a/b", files), { online: 8, allowed: 2 }), { count: 2, limit: "affinity" });
  const more = { "sys/fs/cgroup/cpu.max": "1600000 100000\n" };
  assert.deepEqual(count(unified("/", more)), { count: 8, limit: "machine" });
});

linuxTest("reads a container's own group at the mount point", () => {
  assert.deepEqual(count(unified("/", { "sys/fs/cgroup/cpu.max": "200000 100000\n" })), { count: 2, limit: "quota" });
  // A group that the container does not see.
  assert.deepEqual(count(unified("/../other", { "sys/fs/cgroup/cpu.max": "200000 100000\n" })), {
    count: 2,
    limit: "quota",
  });
});

linuxTest("reads the first version of control groups", () => {
  const quota = (folder: string, us: string) => ({
    [`sys/fs/cgroup/cpu,cpuacct${folder}/cpu.cfs_quota_us`]: us,
    [`sys/fs/cgroup/cpu,cpuacct${folder}/cpu.cfs_period_us`]: "50000\n",
  });
  assert.deepEqual(count(controllers("/a/b", "/", { ...quota("/a", "125000\n"), ...quota("/a/b", "-1\n") })), {
    count: 3,
    limit: "quota",
  });
  assert.deepEqual(count(controllers("/a", "/", quota("/a", "-1\n"))), { count: 8, limit: "machine" });
  // A container without a cgroup namespace sees its own group at the mount point, under the host's name for it.
  assert.deepEqual(count(controllers("/docker/1f", "/docker/1f", quota("", "50000\n"))), { count: 1, limit: "quota" });
});

linuxTest("passes over what it cannot read", () => {
  assert.deepEqual(count(unified("/a", { "sys/fs/cgroup/a/cpu.max": "nonsense" })), { count: 8, limit: "machine" });
  assert.deepEqual(count({ "proc/self/cgroup": "0::/a", "proc/self/mountinfo": "\n31\n" }), {
    count: 8,
    limit: "machine",
  });
});

linuxTest("unescapes the names of mount points", () => {
  const files = {
    "proc/self/cgroup": "0::/\n",
    "proc/self/mountinfo": "31 23 0:26 / /sys/my\\040groups rw - cgroup2 cgroup2 rw\n",
    "sys/my groups/cpu.max": "100000 100000",
  };
  assert.deepEqual(count(files), { count: 1, limit: "quota" });
});
