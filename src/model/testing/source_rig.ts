/**
 * A file system source with its own folder and a record of what it reported, for tests.
 *
 * @module
 */
import { ManualTimer } from "../../base/testing/manual_timer.ts";
import type { VersionPolicy } from "../../core/version_policy.ts";
import { FileSystemSource } from "../source/file_system_source.ts";
import type { SourceEvent, SourceVersion } from "../source/source.ts";

/** A modification time that is old enough for files to count as written. */
export const LONG_AGO = new Date("2020-02-02");
/** All versions. */
export const ALL: VersionPolicy = { kind: "all" };
/** The latest version. */
export const LATEST: VersionPolicy = { kind: "latest", count: 1 };

/** A source, a folder for models, and what the source has reported. */
export class SourceRig implements AsyncDisposable {
  readonly timer = new ManualTimer();
  readonly events: SourceEvent[] = [];
  /** The last report for each model. */
  readonly aspired = new Map<string, ReadonlyMap<number, SourceVersion>>();
  /** How many reports there were. */
  reports = 0;
  readonly source: FileSystemSource;

  private constructor(readonly root: string, pollIntervalMs: number) {
    this.source = new FileSystemSource(pollIntervalMs, {
      onAspired: (name, versions) => {
        this.reports++;
        this.aspired.set(name, versions);
      },
      onEvent: (event) => this.events.push(event),
    }, { timer: this.timer.start });
  }

  static async make({ pollIntervalMs = 1000 } = {}): Promise<SourceRig> {
    return new SourceRig(await Deno.realPath(await Deno.makeTempDir()), pollIntervalMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source[Symbol.asyncDispose]();
    await Deno.remove(this.root, { recursive: true });
  }

  /** Writes a version of unknown completeness, as if it had been written long ago. */
  async write(path: string, content = "model"): Promise<void> {
    const file = `${this.root}/${path}/m.onnx`;
    await Deno.mkdir(`${this.root}/${path}`, { recursive: true });
    await Deno.writeTextFile(file, content);
    await Deno.utime(file, LONG_AGO, LONG_AGO);
  }

  /** Watches `m`. */
  watch(versionPolicy: VersionPolicy = LATEST): Promise<void> {
    return this.source.setModels([{ name: "m", basePath: `${this.root}/m`, versionPolicy }]);
  }

  versions(name = "m"): number[] | undefined {
    const versions = this.aspired.get(name);
    return versions && [...versions.keys()];
  }

  fingerprint(version: number): string | undefined {
    return this.aspired.get("m")?.get(version)?.fingerprint;
  }

  /** Takes the events since the last call, by kind. */
  takeEvents(): string[] {
    return this.events.splice(0).map(({ kind, version }) => version === undefined ? kind : `${kind} ${version}`);
  }
}
