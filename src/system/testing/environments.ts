/**
 * Harsher environments to run a program in: without root's power to read everything, with mounts of its own, with a clock that can be
 * set, with less processor time. Linux only; an environment that is unavailable here says why.
 *
 * @module
 */

/** The one program that tests may start for this; without options it only becomes the program named after it. */
const PROGRAM = "unshare";

/** Where the packages of Debian and Ubuntu put libfaketime. */
const FAKETIME = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;

/** Set in the process of its own in which {@link testIn} runs a test. */
const INSIDE = "OVSERVE_TEST_INSIDE";

/** How to start a program in an environment. */
export interface Environment {
  /** A program with arguments that prepares the environment and then becomes the command that follows; empty when this process will do. */
  readonly through: readonly string[];
  /** Why the environment is unavailable here. */
  readonly unavailable: string | undefined;
}

/** A user to whom permissions of files apply: for root, without the capabilities that bypass them. */
export async function asOrdinaryUser(): Promise<Environment> {
  if (Deno.build.os === "windows") return { through: [], unavailable: "Windows has other permissions" };
  if (Deno.uid() !== 0) return { through: [], unavailable: undefined };
  return await tried([PROGRAM, "setpriv", "--bounding-set", "-dac_override,-dac_read_search"]);
}

/**
 * A mount namespace of its own.
 *
 * @param script lines of shell to run before the program, in its namespace: `mount …`.
 */
export async function withMounts(script: string): Promise<Environment> {
  return await tried([PROGRAM, "--mount", "--propagation", "private", "sh", "-ec", `${script}\nexec "$@"`, "sh"]);
}

/** Runs lines of shell in the mount namespace of a process. */
export async function inMountsOf(pid: number, script: string): Promise<void> {
  const { success, output } = await run([PROGRAM, "nsenter", "--target", String(pid), "--mount", "sh", "-ec", script]);
  if (!success) throw new Error(`Cannot run ${script}: ${output}`);
}

/** A clock that shows the offset in a file, `+0` or `-1h`. Timers keep their length. */
export async function withClock(file: string): Promise<Environment> {
  const settings = [`LD_PRELOAD=${FAKETIME}`, `FAKETIME_TIMESTAMP_FILE=${file}`];
  const quirks = ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"];
  try {
    await Deno.stat(FAKETIME);
  } catch {
    return { through: [], unavailable: `there is no ${FAKETIME} (Debian's package libfaketime)` };
  }
  return await tried([PROGRAM, "env", ...settings, ...quirks]);
}

/** One processor alone, by its number. */
export async function onProcessor(number: number): Promise<Environment> {
  return await tried([PROGRAM, "taskset", "--cpu-list", String(number)]);
}

/** Makes a control group with a quota, unless it exists, and enters it; of either version of control groups. */
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
echo "no control group with a quota can be made" >&2
exit 1`;

/** Processor time that all processes of a control group share in each period. */
export interface Quota {
  readonly quotaUs: number;
  readonly periodUs: number;
}

/** A control group with a quota, which stays until {@link removeControlGroup}. */
export async function inControlGroup({ quotaUs, periodUs }: Quota): Promise<Environment> {
  return await tried([PROGRAM, "sh", "-c", ENTER_GROUP, "sh", String(quotaUs), String(periodUs)]);
}

/** Removes a control group whose processes have ended. */
export async function removeControlGroup({ quotaUs, periodUs }: Quota): Promise<void> {
  const name = `ovserve-test-${quotaUs}-${periodUs}`;
  const script =
    `for group in /sys/fs/cgroup/cpu/${name} /sys/fs/cgroup/${name}; do ! test -d $group || rmdir $group; done`;
  const { success, output } = await run([PROGRAM, "sh", "-ec", script]);
  if (!success) throw new Error(`Cannot remove ${name}: ${output}`);
}

/** Whether a test must be skipped; prints the reason on standard error. Meant for `ignore`. */
export function isMissing({ unavailable }: Environment, what: string): boolean {
  // deno-lint-ignore no-console
  if (unavailable !== undefined) console.error(`Tests with ${what} are skipped: ${unavailable}`);
  return unavailable !== undefined;
}

/** A test and the file that registers it. */
export interface EnvironmentTest {
  readonly name: string;
  /** `import.meta.url` of the test file. */
  readonly file: string;
  readonly fn: () => Promise<void>;
}

/** Registers a test that needs an environment. It runs in a process of its own unless this process is in the environment already. */
export function testIn(environment: Environment, { name, file, fn }: EnvironmentTest): void {
  if (environment.through.length === 0 || Deno.env.has(INSIDE)) {
    Deno.test({ name, ignore: isMissing(environment, name), fn });
    return;
  }
  Deno.test({
    name,
    ignore: isMissing(environment, name),
    fn: async () => {
      const filter = `/^${name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}$/`;
      const deno = [Deno.execPath(), "test", "--allow-all", "--no-check", "--filter", filter, file];
      const { success, output } = await run([...environment.through, ...deno], { [INSIDE]: "1", NO_COLOR: "1" });
      // A filter that matches nothing succeeds too.
      if (!success || !/\b1 passed\b/.test(output)) throw new Error(output);
    },
  });
}

/** An environment, if a program can be started in it. */
async function tried(through: readonly string[]): Promise<Environment> {
  const { success, output } = await run([...through, "true"]);
  return { through, unavailable: success ? undefined : output.trim() };
}

async function run(
  [program = "", ...args]: readonly string[],
  env: Record<string, string> = {},
): Promise<{ success: boolean; output: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args, env, stdin: "null" }).output();
    return { success, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } catch (thrown) {
    // Without the permission to start it, a missing program looks like a forbidden one.
    if (!(thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotCapable)) throw thrown;
    return { success: false, output: `there is no ${program}` };
  }
}
