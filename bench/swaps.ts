/**
 * How long clients wait while versions are loaded and swapped, beside how long they wait else: one load without a pause, and the server's
 * log to say which of its calls fell into which time.
 *
 * @module
 */
import { ROOT } from "../scripts/shell.ts";
import { type LogEvent, Server } from "../tests/support/server.ts";
import { latencies } from "./contender.ts";
import type { BenchModel } from "./contenders.ts";
import { type Call, type Load, type Outcome, Request } from "./h2load.ts";
import type { Entry, Round } from "./report.ts";

/** How long the load of one round lasts, where the changes are quick enough. */
const ROUND_SECONDS = 8;
/** The quiet before each change. */
const QUIET_SECONDS = 0.7;
const POLL_SECONDS = "0.1";

/** A stretch of time in microseconds since 1970. */
export interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/** What a change of versions took. */
export interface Change {
  /** The server loads, or drains what is replaced. */
  readonly span: Span;
  /** What is tidied up after it: neither part of it nor quiet. */
  readonly tidying?: Span;
}

/** Whether a call and a stretch have a moment in common. */
export function overlaps({ startUs, endUs }: Call, { fromUs, toUs }: Span): boolean {
  return startUs < toUs && endUs > fromUs;
}

/** Those calls that fell into changes, and those that had nothing to do with any. */
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

/** The latencies of calls of one or more loads, of which each may be hundreds of thousands. */
export function roundOf(loads: readonly (readonly Call[])[]): Round {
  const calls = loads.flat();
  return { calls: calls.length, ...latencies({ calls }) };
}

/**
 * Asks a model without a pause, while new versions of it take over, and while another model is loaded.
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

/** Makes changes one after the other while a load lasts, and as many as it has time for, one at least. */
async function duringLoad(
  send: (seconds: number) => Promise<Outcome>,
  { change, seconds }: { change: () => Promise<Change>; seconds: number },
): Promise<{ outcome: Outcome; changes: readonly Change[] }> {
  // The first one tells how long they take; half as long again is what load may make of it.
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

/** A server with the model under load and, as another model, something small in whose place the other one is loaded. */
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
    // Beside the models, so that links will do for copies: copying would disturb what is measured.
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

  /** Puts a new version beside the one that serves: from its loading to the end of the old one. */
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

  /** Loads the other model: from loading to available. It is unloaded then. */
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

  /** Waits for a state, and says when it was. */
  async #state(name: string, version: number, state: string): Promise<number> {
    const isMeant = (event: LogEvent) => event.name === name && event.version === version && event.state === state;
    const { time } = await this.server.event("version changed state", isMeant);
    return Date.parse(time as string) * 1000;
  }
}

/** Puts a version there, all at once. */
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
