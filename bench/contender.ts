/**
 * What takes part in a case: a server under a load, started anew or once for all rounds, or OpenVINO's benchmark_app.
 *
 * @module
 */
import { PREFIX_BYTES } from "../src/grpc/message_reader.ts";
import { type Answer, type Load, type Outcome, Request } from "./h2load.ts";
import { Process, type Program } from "./process.ts";
import type { Round } from "./report.ts";

/** Takes part in a case. */
export interface Contender {
  readonly label: string;
  readonly isPeer: boolean;
  /** What it is a variant of, among peers. */
  readonly group?: string;
  /** Why it cannot take part, where it is not at hand. */
  readonly absent?: string;
  /** Starts it and warms it up. */
  start(): Promise<Running>;
}

/** A contender that is up. */
export interface Running extends AsyncDisposable {
  /** What it answers, to compare it with the others; undefined when it has no answer to show. */
  readonly answer?: Answer;
  /** What is worth knowing of how it works. */
  readonly note?: string;
  /** Works for about so many seconds. */
  round(seconds: number): Promise<Round>;
}

/** One that is missing, with the reason. */
export function absentee(label: string, { isPeer, absent }: { isPeer: boolean; absent: string }): Contender {
  return { label, isPeer, absent, start: () => Promise.reject(new Error(absent)) };
}

/** A server under a load. */
export function server(
  label: string,
  { program, load, isPeer = false }: { program: Program; load: Load; isPeer?: boolean },
): Contender {
  return { label, isPeer, start: () => LoadedServer.start(program, load) };
}

/** Calls a second that are sent to a server of which no warm-up has told the rate. */
const CALLS_PER_SECOND = 10_000;

/**
 * A server with empty answers that does not outlive its clients' leaving: it is started for each round, not warmed up, and its CPU time cannot
 * be told.
 */
export function shortLivedServer(label: string, { program, load }: { program: Program; load: Load }): Contender {
  const request = new Request(load);
  const round = async (seconds: number): Promise<Round> => {
    await using process = await Process.start(program);
    const calls = Math.round(CALLS_PER_SECOND * seconds);
    const outcome = await request.send(process.port, { calls }, PREFIX_BYTES);
    return { rate: outcome.callsPerSecond, ...latencies(outcome), failed: outcome.failed };
  };
  return {
    label,
    isPeer: true,
    start: () => Promise.resolve({ round, [Symbol.asyncDispose]: () => Promise.resolve() }),
  };
}

/** How long a warm-up must take before its rate says how many calls a round needs. */
const WARM_UP_SECONDS = 0.3;
/** So many calls compile what is compiled while it runs, as JavaScript and Python's libraries are; a slow model gets as many as this takes. */
const WARM_UP_CALLS = 20_000;
const WARM_UP_SECONDS_MAX = 5;
/** Whole turns of everything in flight a round has at least: with fewer, its start and its end would be most of it. */
const TURNS_MIN = 2;

/** What this server's log says of a model it has measured: whether it infers on the serving thread or beside it decides what a call costs. */
const MEASURED = /"inferRequestCount":(\d+),"inferenceUs":([\d.]+),"isInLoop":(true|false)/;

class LoadedServer implements Running {
  #callsPerSecond = 0;
  readonly note?: string;

  private constructor(
    readonly answer: Answer,
    private readonly process: Process,
    private readonly request: Request,
  ) {
    const [, requests, inferenceUs, isInLoop] = MEASURED.exec(process.log) ?? [];
    if (inferenceUs === undefined) return;
    const where = isInLoop === "true" ? "in the loop" : `off the loop with ${requests} infer requests`;
    this.note = `measured ${Math.round(Number(inferenceUs))} µs an inference, infers ${where}`;
  }

  static async start(program: Program, load: Load): Promise<LoadedServer> {
    const request = new Request(load);
    await using stack = new AsyncDisposableStack();
    const process = stack.use(await Process.start(program));
    const running = new LoadedServer(await request.ask(process.port), process, request);
    await running.#warmUp();
    stack.move();
    return running;
  }

  async round(seconds: number): Promise<Round> {
    const inFlight = this.#inFlight;
    const calls = inFlight * Math.max(TURNS_MIN, Math.round(this.#callsPerSecond * seconds / inFlight));
    const before = await this.process.cpuSeconds();
    const outcome = await this.#send(calls);
    const cpuSeconds = await this.process.cpuSeconds() - before;
    // Rows and images are counted, not messages; a message of a trivial model is one row.
    const rows = this.request.load.shape[0] ?? 1;
    return {
      rate: steadyRate(outcome, inFlight) * rows,
      cpuUs: cpuSeconds / calls / rows * 1e6,
      ...latencies(outcome),
      ...await this.process.memory(),
      failed: outcome.failed,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }

  async #warmUp(): Promise<void> {
    for (let calls = this.#inFlight;; calls *= 4) {
      const start = performance.now();
      const { failed } = await this.#send(calls);
      if (failed > 0) throw new Error(`${failed} of ${calls} calls failed while warming up`);
      if (performance.now() - start >= WARM_UP_SECONDS * 1000) break;
    }
    const calls = Math.min(WARM_UP_CALLS, Math.round(this.#callsPerSecond * WARM_UP_SECONDS_MAX));
    if (calls > this.#inFlight) await this.#send(calls);
  }

  async #send(calls: number): Promise<Outcome> {
    const outcome = await this.request.send(this.process.port, { calls }, this.answer.bytes);
    this.#callsPerSecond = outcome.callsPerSecond;
    return outcome;
  }

  get #inFlight(): number {
    return this.request.load.connections * this.request.load.streams;
  }
}

/** With so many turns of everything in flight the first and the last of them can be left out of a rate. */
const STEADY_TURNS_MIN = 20;
/** Each connection has so many calls to make and no more: those that are done early leave the others alone at the end. */
const STEADY_FROM = 0.05;
const STEADY_TO = 0.8;

/** Calls a second while all connections are at work, as far as a round is long enough to tell. */
export function steadyRate({ calls, callsPerSecond }: Outcome, inFlight: number): number {
  if (calls.length < inFlight * STEADY_TURNS_MIN) return callsPerSecond;
  const ends = calls.map(({ endUs }) => endUs).sort((a, b) => a - b);
  const [from, to] = [STEADY_FROM, STEADY_TO].map((part) => Math.floor(ends.length * part)) as [number, number];
  return (to - from) / ((ends[to] as number) - (ends[from] as number)) * 1e6;
}

/** Mean, median and 99th percentile of how long calls took, in microseconds; nothing of no calls. */
export function latencies({ calls }: { calls: Outcome["calls"] }): Round {
  const sorted = calls.map(({ startUs, endUs }) => endUs - startUs).sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  const p50Us = at(0.5);
  const p99Us = at(0.99);
  if (p50Us === undefined || p99Us === undefined) return {};
  return { meanUs: sorted.reduce((sum, time) => sum + time, 0) / sorted.length, p50Us, p99Us };
}
