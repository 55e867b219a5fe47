/**
 * Ways to start a server in a worse world than this: without root's power to read everything, with file systems of its own that can
 * be full or gone, with a clock that can be set, with less of the processors. Linux only; where one cannot be had, it says why.
 *
 * @module
 */

/** `unshare` is what tests may start for this; without options it only becomes the program named after it. */
const PROGRAM = "unshare";

/** Where Debian's and Ubuntu's packages put libfaketime. */
const FAKETIME = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;

/** How to start a program, and why that cannot be done, which is undefined where it can. */
export interface Way {
  readonly through: readonly string[];
  readonly reasonAgainst: string | undefined;
}

/** As a user whom permissions of files concern: root without the capabilities that make an exception of it. */
export async function asOrdinaryUser(): Promise<Way> {
  if (Deno.build.os === "windows") return { through: [], reasonAgainst: "Windows has other permissions" };
  if (Deno.uid() !== 0) return { through: [], reasonAgainst: undefined };
  return await way([PROGRAM, "setpriv", "--bounding-set", "-dac_override,-dac_read_search"]);
}

/**
 * With mounts of its own.
 *
 * @param script lines of shell to run before the program, in its mount namespace: `mount …`.
 */
export async function withMounts(script: string): Promise<Way> {
  return await way([PROGRAM, "--mount", "--propagation", "private", "sh", "-ec", `${script}\nexec "$@"`, "sh"]);
}

/** Runs lines of shell in the mount namespace of a process. */
export async function inMountsOf(pid: number, script: string): Promise<void> {
  const { success, stderr } = await run([PROGRAM, "nsenter", "--target", String(pid), "--mount", "sh", "-ec", script]);
  if (!success) throw new Error(`Cannot run ${script}: ${stderr}`);
}

/** With a clock that shows what a file says: `+0`, or `-1h`. Pauses take as long as ever. */
export async function withClock(file: string): Promise<Way> {
  const settings = [`LD_PRELOAD=${FAKETIME}`, `FAKETIME_TIMESTAMP_FILE=${file}`];
  const quirks = ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"];
  try {
    await Deno.stat(FAKETIME);
  } catch {
    return { through: [], reasonAgainst: `there is no ${FAKETIME} (Debian's package libfaketime)` };
  }
  return await way([PROGRAM, "env", ...settings, ...quirks]);
}

/** On one of the processors alone, by its number. */
export async function onProcessor(number: number): Promise<Way> {
  return await way([PROGRAM, "taskset", "--cpu-list", String(number)]);
}

/** Makes a control group with a quota, unless it is there, and enters it; of either version of control groups. */
const ENTER_GROUP = `
for parent in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
  group=$parent/ovserve-test-$1-$2
  test -e $parent/cgroup.procs && mkdir -p $group || continue
  if test -e $group/cpu.max; then
    echo $1 $2 > $group/cpu.max
  elif test -e $group/cpu.cfs_quota_us; then
    echo $2 > $group/cpu.cfs_period_us
    echo $1 > $group/cpu.cfs_quota_us
  else
    rmdir $group
    continue
  fi
  echo $$ > $group/cgroup.procs
  shift 2
  exec "$@"
done
echo "no control group can be made that has a quota" >&2
exit 1`;

/** How much processor time all processes of a control group may have together in each period. */
export interface Quota {
  readonly quotaUs: number;
  readonly periodUs: number;
}

/** In a control group with a quota, which stays until {@link removeControlGroup}. */
export async function inControlGroup({ quotaUs, periodUs }: Quota): Promise<Way> {
  return await way([PROGRAM, "sh", "-c", ENTER_GROUP, "sh", String(quotaUs), String(periodUs)]);
}

/** Removes the control group that processes were in which have ended. */
export async function removeControlGroup({ quotaUs, periodUs }: Quota): Promise<void> {
  const name = `ovserve-test-${quotaUs}-${periodUs}`;
  const script =
    `for group in /sys/fs/cgroup/cpu/${name} /sys/fs/cgroup/${name}; do ! test -d $group || rmdir $group; done`;
  const { success, stderr } = await run([PROGRAM, "sh", "-ec", script]);
  if (!success) throw new Error(`Cannot remove ${name}: ${stderr}`);
}

/** Whether a test has to be left out, which is said on standard error. Meant for `ignore`. */
export function isMissing({ reasonAgainst }: Way, what: string): boolean {
  // deno-lint-ignore no-console
  if (reasonAgainst !== undefined) console.error(`Tests with ${what} are skipped: ${reasonAgainst}`);
  return reasonAgainst !== undefined;
}

async function way(through: readonly string[]): Promise<Way> {
  const { success, stderr } = await run([...through, "true"]);
  return { through, reasonAgainst: success ? undefined : stderr.trim() };
}

async function run([program = "", ...args]: readonly string[]): Promise<{ success: boolean; stderr: string }> {
  try {
    const { success, stderr } = await new Deno.Command(program, { args, stdin: "null", stdout: "null" }).output();
    return { success, stderr: new TextDecoder().decode(stderr) };
  } catch (thrown) {
    // Without the permission to start it, a program that is not there looks like one that must not be started.
    if (!(thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotCapable)) throw thrown;
    return { success: false, stderr: `there is no ${program}` };
  }
}
