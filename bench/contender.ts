/**
 * One contender of a case: a server that is started once, warmed up, and measured round by round.
 *
 * @module
 */
import { type Answer, type Load, type Outcome, Request } from "./h2load.ts";
import { Process, type Program } from "./process.ts";
import type { Round } from "./report.ts";

/** A participant of a case. */
export interface Contender {
  readonly label: string;
  readonly isPeer: boolean;
  /** The peers of one group are variants of one thing. */
  readonly group?: string;
  /** The reason why it cannot take part. */
  readonly absent?: string;
  /** Starts the contender and warms it up. */
  start(): Promise<Running>;
}

/** A running contender. */
export interface Running extends AsyncDisposable {
  /** Its answer, to compare with the others; undefined for a contender without a server. */
  readonly answer?: Answer;
  /** A remark for the report, such as where it infers. */
  readonly note?: string;
  /** Measures for about `seconds`. */
  round(seconds: number): Promise<Round>;
}

/** A contender that is missing, with the reason. */
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

/** Minimum length of a warm-up whose rate decides the number of calls of a round. */
const WARM_UP_SECONDS = 0.3;
/** Calls after which JIT compilers have finished; a slow model gets at most `WARM_UP_SECONDS_MAX`. */
const WARM_UP_CALLS = 20_000;
const WARM_UP_SECONDS_MAX = 5;
/** Minimum turns of everything in flight in a round: with fewer, start and end would dominate. */
const TURNS_MIN = 2;

/** This server's log line for a measured model: inferring in the event loop or off it decides the cost of a call. */
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
    // Counts rows or images, not messages; a message of the trivial model is one row.
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

/** Turns of everything in flight from which a rate can leave out the first and the last. */
const STEADY_TURNS_MIN = 20;
/** Each connection has a fixed number of calls, so connections that finish early leave the others alone at the end. */
const STEADY_FROM = 0.05;
const STEADY_TO = 0.8;

/** Returns calls per second while all connections are at work; of the whole round if it is too short. */
export function steadyRate({ calls, callsPerSecond }: Outcome, inFlight: number): number {
  if (calls.length < inFlight * STEADY_TURNS_MIN) return callsPerSecond;
  const ends = calls.map(({ endUs }) => endUs).sort((a, b) => a - b);
  const [from, to] = [STEADY_FROM, STEADY_TO].map((part) => Math.floor(ends.length * part)) as [number, number];
  return (to - from) / ((ends[to] as number) - (ends[from] as number)) * 1e6;
}

/** Returns mean, median and 99th percentile of the latencies in microseconds; nothing without calls. */
export function latencies({ calls }: { calls: Outcome["calls"] }): Round {
  const sorted = calls.map(({ startUs, endUs }) => endUs - startUs).sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  const p50Us = at(0.5);
  const p99Us = at(0.99);
  if (p50Us === undefined || p99Us === undefined) return {};
  return { meanUs: sorted.reduce((sum, time) => sum + time, 0) / sorted.length, p50Us, p99Us };
}
