/**
 * Compares latencies while versions are loaded and swapped with those of quiet times: one continuous load, whose calls are assigned to
 * changes by the times in the server's log.
 *
 * @module
 */
import { ROOT } from "../scripts/shell.ts";
import { type LogEvent, Server } from "../tests/support/server.ts";
import { latencies } from "./contender.ts";
import type { BenchModel } from "./contenders.ts";
import { type Call, type Load, type Outcome, Request } from "./h2load.ts";
import type { Entry, Round } from "./report.ts";

/** Length of a round's load, if the changes are fast enough. */
const ROUND_SECONDS = 8;
/** Quiet time before each change. */
const QUIET_SECONDS = 0.7;
const POLL_SECONDS = "0.1";

/** A time span in microseconds since 1970. */
export interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/** When a change of versions happened. */
export interface Change {
  /** The server loads the version, or drains the one it replaces. */
  readonly span: Span;
  /** Clean-up after the change; neither part of it nor quiet. */
  readonly tidying?: Span;
}

/** Returns whether a call and a span overlap. */
export function overlaps({ startUs, endUs }: Call, { fromUs, toUs }: Span): boolean {
  return startUs < toUs && endUs > fromUs;
}

/** Splits calls into those that overlap changes and those that overlap none. */
export function splitCalls(
  calls: readonly Call[],
  changes: readonly Change[],
): { disturbed: readonly Call[]; undisturbed: readonly Call[] } {
  const isIn = (call: Call, spans: readonly Span[]) => spans.some((span) => overlaps(call, span));
  const spans = changes.map(({ span }) => span);
  const all = [...spans, ...changes.flatMap(({ tidying }) => tidying === undefined ? [] : [tidying])];
  return {
    disturbed: calls.filter((call) => isIn(call, spans)),
    undisturbed: calls.filter((call) => !isIn(call, all)),
  };
}

/** Returns the latencies of the calls of one or more loads, each of which may have hundreds of thousands. */
export function roundOf(loads: readonly (readonly Call[])[]): Round {
  const calls = loads.flat();
  return { calls: calls.length, ...latencies({ calls }) };
}

/**
 * Keeps a model under load while new versions of it take over, and while another model is loaded.
 *
 * @param options.other the model that is loaded beside it.
 */
export async function measureSwaps(
  model: BenchModel,
  { load, other, rounds, haste }: { load: Load; other: BenchModel; rounds: number; haste: number },
): Promise<readonly Entry[]> {
  await using rig = await SwapRig.start(model, other);
  const request = new Request(load);
  const { bytes } = await request.ask(rig.port);
  const send = (seconds: number) => request.send(rig.port, { seconds }, bytes);
  await send(1);
  const kinds = [
    { label: "a new version takes over", change: () => rig.swap(), rounds: [] as Round[] },
    { label: `${other.name} is loaded`, change: () => rig.loadOther(), rounds: [] as Round[] },
  ];
  const quiet: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const quietCalls: (readonly Call[])[] = [];
    for (const { change, rounds } of kinds) {
      const { outcome, changes } = await duringLoad(send, { change, seconds: ROUND_SECONDS * haste });
      const { disturbed, undisturbed } = splitCalls(outcome.calls, changes);
      rounds.push({ ...roundOf([disturbed]), failed: outcome.failed });
      quietCalls.push(undisturbed);
    }
    quiet.push(roundOf(quietCalls));
  }
  return [
    ...kinds.map(({ label, rounds }) => ({ label, isPeer: false, rounds })),
    { label: "quiet", isPeer: true, rounds: quiet },
  ];
}

/** Makes changes one after the other during a load: as many as fit, at least one. */
async function duringLoad(
  send: (seconds: number) => Promise<Outcome>,
  { change, seconds }: { change: () => Promise<Change>; seconds: number },
): Promise<{ outcome: Outcome; changes: readonly Change[] }> {
  // The first change shows how long they take; load may add half of that.
  let longestMs = 0;
  const timed = async () => {
    const start = performance.now();
    const made = await change();
    longestMs = Math.max(longestMs, performance.now() - start);
    return made;
  };
  await timed();
  const loadMs = Math.max(seconds * 1000, 2 * QUIET_SECONDS * 1000 + 3 * longestMs);
  const end = performance.now() + loadMs;
  const sending = send(Math.ceil(loadMs / 1000));
  const changes: Change[] = [];
  do {
    await new Promise((resolve) => setTimeout(resolve, QUIET_SECONDS * 1000));
    changes.push(await timed());
  } while (performance.now() + QUIET_SECONDS * 1000 + 1.5 * longestMs < end);
  return { outcome: await sending, changes };
}

/** A server with the model under load, and a small second model whose new versions are the other model. */
class SwapRig implements AsyncDisposable {
  #version = 1;
  #otherVersion = 1;

  private constructor(
    private readonly folder: string,
    private readonly server: Server,
    private readonly models: { readonly model: BenchModel; readonly other: BenchModel },
    private readonly stack: AsyncDisposableStack,
  ) {}

  static async start(model: BenchModel, other: BenchModel): Promise<SwapRig> {
    await using stack = new AsyncDisposableStack();
    // On the file system of the models, so that hard links replace copies, which would disturb the measurement.
    const folder = await Deno.makeTempDir({ dir: `${ROOT}.ovserve/bench` });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    await addVersion(folder, model, { name: model.name, version: 1 });
    await addVersion(folder, model, { name: "other", version: 1 });
    const config = (name: string, changes: object) => ({
      config: { name, base_path: `${folder}/${name}`, ...changes },
    });
    const list = [config(model.name, {}), config("other", { model_version_policy: { all: {} } })];
    await Deno.writeTextFile(`${folder}/models.json`, JSON.stringify({ model_config_list: list }));
    const poll = ["--file_system_poll_wait_seconds", POLL_SECONDS];
    const server = stack.use(await Server.start(["config", "--config_path", `${folder}/models.json`, ...poll]));
    return new SwapRig(folder, server, { model, other }, stack.move());
  }

  get port(): number {
    return Number(this.server.address.split(":").at(-1));
  }

  /** Adds a new version; the change lasts from its loading to the end of the old one. */
  async swap(): Promise<Change> {
    const { model } = this.models;
    const old = this.#version++;
    await addVersion(this.folder, model, { name: model.name, version: this.#version });
    const span = {
      fromUs: await this.#state(model.name, this.#version, "loading"),
      toUs: await this.#state(model.name, old, "end"),
    };
    await Deno.remove(`${this.folder}/${model.name}/${old}`, { recursive: true });
    return { span };
  }

  /** Loads the other model; the change lasts from loading to available. Unloads it afterwards. */
  async loadOther(): Promise<Change> {
    const version = ++this.#otherVersion;
    await addVersion(this.folder, this.models.other, { name: "other", version });
    const fromUs = await this.#state("other", version, "loading");
    const toUs = await this.#state("other", version, "available");
    await Deno.remove(`${this.folder}/other/${version}`, { recursive: true });
    return { span: { fromUs, toUs }, tidying: { fromUs: toUs, toUs: await this.#state("other", version, "end") } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }

  /** Waits for a state and returns when the version reached it. */
  async #state(name: string, version: number, state: string): Promise<number> {
    const isMeant = (event: LogEvent) => event.name === name && event.version === version && event.state === state;
    const { time } = await this.server.event("version state changed", isMeant);
    return Date.parse(time as string) * 1000;
  }
}

/** Adds a version atomically. */
async function addVersion(
  folder: string,
  model: BenchModel,
  { name, version }: { name: string; version: number },
): Promise<void> {
  const incoming = `${folder}/${name}/incoming`;
  await Deno.mkdir(incoming, { recursive: true });
  for await (const { name: file } of Deno.readDir(`${model.path}/1`)) {
    await Deno.link(`${model.path}/1/${file}`, `${incoming}/${file}`);
  }
  await Deno.rename(incoming, `${folder}/${name}/${version}`);
}
