/**
 * Runs the installations that the tests need: skips what is there, runs independent ones side by side, and prints one line a step.
 *
 * @module
 */
import { say, TaskError } from "./shell.ts";

/**
 * The tool that an installation works with. Installations of one lane run one after the other, because apt-get and pip lock what
 * they change and Go uses every core; lanes run side by side.
 */
export type Lane = "pip" | "go" | "apt" | "maven" | "npm";

/** One thing to install. */
export interface Installation {
  /** What is installed, for a sentence: `grpcurl`, `the grpc-go client`. */
  readonly name: string;
  /** What happens, for the line of progress: `Building grpcurl with Go`. */
  readonly title: string;
  readonly lane: Lane;
  /** Whether nothing works without it. Tests of anything else are skipped when it is missing. */
  readonly isRequired?: boolean;
  /** Whether there is nothing to do. */
  isInstalled(): Promise<boolean>;
  /** @throws {TaskError} when it cannot be installed here. */
  install(): Promise<void>;
}

/** What became of the installations that were needed, by name. */
export interface InstallationReport {
  readonly installed: readonly string[];
  readonly failed: readonly string[];
}

/**
 * Installs what is missing.
 *
 * @param print receives one line when a step begins (`[3/9] Building grpcurl with Go`) and one when it fails.
 * @throws {TaskError} when something required cannot be installed, after all other steps have ended.
 */
export async function installMissing(
  installations: readonly Installation[],
  print: (line: string) => void = say,
): Promise<InstallationReport> {
  const isThere = await Promise.all(installations.map((installation) => installation.isInstalled()));
  const missing = installations.filter((_, index) => !isThere[index]);
  const installed: string[] = [];
  const failed: string[] = [];
  const fatal: TaskError[] = [];
  let begun = 0;

  const attempt = async (installation: Installation) => {
    const step = `[${++begun}/${missing.length}]`;
    print(`${step} ${installation.title} …`);
    try {
      await installation.install();
      installed.push(installation.name);
    } catch (thrown) {
      if (!(thrown instanceof TaskError)) throw thrown;
      failed.push(installation.name);
      if (installation.isRequired === true) fatal.push(thrown);
      else print(`${step} Cannot install ${installation.name}, so its tests are skipped: ${thrown.message}`);
    }
  };
  const lanes = Map.groupBy(missing, ({ lane }) => lane);
  const ends = await Promise.allSettled(Array.from(lanes.values(), async (lane) => {
    for (const installation of lane) await attempt(installation);
  }));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  if (fatal[0] !== undefined) throw fatal[0];
  return { installed, failed };
}
