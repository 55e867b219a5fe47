/**
 * The number of processors that this process may use: its affinity or a quota of its control groups may allow fewer than the machine
 * has, as in containers.
 *
 * @module
 */
import { countProcessors, type Processors, readSystemFile } from "./libc.ts";

/** The processors that the process may use. */
export interface AvailableCores {
  /** At least 1; fractions are rounded up. */
  readonly count: number;
  /** What limits the count: the machine, the affinity (`taskset`, a cpuset), or a quota of CPU time. */
  readonly limit: "machine" | "affinity" | "quota";
}

/** Replacements for tests. */
export interface AvailableCoresOptions {
  /** A folder in place of the root of the file system. */
  readonly root?: string;
  readonly processors?: Processors | undefined;
}

/** A control group of the process: its folder, and the topmost visible folder of its hierarchy. */
interface GroupFolder {
  readonly path: string;
  readonly mountPoint: string;
  readonly version: 1 | 2;
}

/**
 * Counts the processors that this process may use now: OpenVINO respects affinity but not quotas. Source: cgroups(7), the
 * kernel's admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
 */
export function availableCores(
  { root = "", processors = countProcessors() }: AvailableCoresOptions = {},
): AvailableCores {
  const online = processors?.online ?? navigator.hardwareConcurrency;
  const allowed = Math.max(1, processors?.allowed ?? online);
  const quota = Math.max(1, Math.ceil(smallestQuota(root)));
  if (quota < allowed) return { count: quota, limit: "quota" };
  return { count: allowed, limit: allowed < online ? "affinity" : "machine" };
}

/** Returns the smallest quota of the process's groups and their ancestors, in processors; Infinity if there is none. */
function smallestQuota(root: string): number {
  let smallest = Infinity;
  for (const { path, mountPoint, version } of groupFolders(root)) {
    for (let folder = path;; folder = folder.slice(0, folder.lastIndexOf("/"))) {
      smallest = Math.min(smallest, version === 2 ? readCpuMax(root + folder) : readCfsQuota(root + folder));
      if (folder.length <= mountPoint.length) break;
    }
  }
  return smallest;
}

/** Reads `cpu.max`: `max 100000` or `150000 100000`. */
function readCpuMax(folder: string): number {
  const [quota = "", period = ""] = (readSystemFile(`${folder}/cpu.max`) ?? "").trim().split(" ");
  return toProcessors(quota, period);
}

/** Reads `cpu.cfs_quota_us`, -1 for none, and `cpu.cfs_period_us`. */
function readCfsQuota(folder: string): number {
  return toProcessors(
    readSystemFile(`${folder}/cpu.cfs_quota_us`) ?? "",
    readSystemFile(`${folder}/cpu.cfs_period_us`) ?? "",
  );
}

function toProcessors(quota: string, period: string): number {
  const processors = Number(quota) / Number(period);
  return processors > 0 ? processors : Infinity;
}

/** Returns the folders of groups that may have a quota: those of version 2, and those of version 1's `cpu` controller. */
function groupFolders(root: string): GroupFolder[] {
  const folders: GroupFolder[] = [];
  const groups = (readSystemFile(`${root}/proc/self/cgroup`) ?? "").split("\n").map(parseGroup);
  for (const line of (readSystemFile(`${root}/proc/self/mountinfo`) ?? "").split("\n")) {
    const mount = parseMount(line);
    const group = groups.find((candidate) => candidate !== undefined && candidate.version === mount?.version);
    if (mount === undefined || group === undefined) continue;
    const { version, mountPoint } = mount;
    const below = pathBelow(mount.group, group.path);
    folders.push({ version, mountPoint, path: below === "" ? mountPoint : `${mountPoint}/${below}` });
  }
  return folders;
}

/** Parses a line of `/proc/self/cgroup`: `0::/user.slice` in version 2, `4:cpu,cpuacct:/docker/1f` in version 1. */
function parseGroup(line: string): { version: 1 | 2; path: string } | undefined {
  const [, hierarchy, controllers = "", path = ""] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
  if (hierarchy === "0" && controllers === "") return { version: 2, path };
  return controllers.split(",").includes("cpu") ? { version: 1, path } : undefined;
}

/**
 * Parses a line of `/proc/self/mountinfo`: `31 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw`. The fourth field is the group
 * at the mount point. Source: proc_pid_mountinfo(5).
 */
function parseMount(line: string): { version: 1 | 2; group: string; mountPoint: string } | undefined {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , group = "", mountPoint = ""] = before.split(" ").map(unescapeOctal);
  const [type, , options = ""] = after.split(" ");
  if (type === "cgroup2") return { version: 2, group, mountPoint };
  return type === "cgroup" && options.split(",").includes("cpu") ? { version: 1, group, mountPoint } : undefined;
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** Returns the path of a group relative to another; empty if it is not visible below the other. */
function pathBelow(above: string, path: string): string {
  const start = above.endsWith("/") ? above : `${above}/`;
  return path.startsWith(start) && !path.split("/").includes("..") ? path.slice(start.length) : "";
}
