/**
 * A source of models with a folder of its own and a memory of what it said, for tests. Never in the binary.
 *
 * @module
 */
import { ManualTimer } from "../../base/testing/manual_timer.ts";
import type { VersionPolicy } from "../../core/version_policy.ts";
import { FileSystemSource } from "../source/file_system_source.ts";
import type { SourceEvent, SourceVersion } from "../source/source.ts";

/** What files are said to have been written at, lest they be taken for files that are still written to. */
export const LONG_AGO = new Date("2020-02-02");
/** All versions. */
export const ALL: VersionPolicy = { kind: "all" };
/** The latest version. */
export const LATEST: VersionPolicy = { kind: "latest", count: 1 };

/** A source, a folder for models, and what the source has said. */
export class SourceRig implements AsyncDisposable {
  readonly timer = new ManualTimer();
  readonly events: SourceEvent[] = [];
  /** What was said last of each model. */
  readonly aspired = new Map<string, ReadonlyMap<number, SourceVersion>>();
  /** How often something was said. */
  said = 0;
  readonly source: FileSystemSource;

  private constructor(readonly root: string, pollIntervalMs: number) {
    this.source = new FileSystemSource(pollIntervalMs, {
      onAspired: (name, versions) => {
        this.said++;
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

  /** Writes a version that cannot be told to be whole, as if it had been written some time ago. */
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

  /** The kinds of the events since the last call. */
  told(): string[] {
    return this.events.splice(0).map(({ kind, version }) => version === undefined ? kind : `${kind} ${version}`);
  }
}
