/**
 * The serving threads besides the main one: it publishes versions to all of them, withdraws each version from all before it is freed,
 * and replaces threads that fail.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import { assert, toServingError } from "../base/status.ts";
import type { CertificateTexts } from "../config/certificate_files.ts";
import type { ServableId } from "../core/manager.ts";
import { type Timer, within } from "../base/timer.ts";
import type { TcpEndpoint } from "../grpc/endpoint.ts";
import type { ModelServable } from "../model/model_servable.ts";
import type { MainTask, SharedVersion, ThreadFigures, ThreadSettings, ThreadTask } from "./messages.ts";
import { ServingThread } from "./serving_thread.ts";

/** How the threads are set up. */
export interface ServingThreadsOptions {
  readonly settings: Omit<ThreadSettings, "thread" | "connectionCounts">;
  /** The module a thread runs. */
  readonly program: URL;
  readonly log: Log;
  /** How long a failed thread may take to finish its requests. */
  readonly graceMs: number;
  readonly timer: Timer;
}

/** Does a task that only the main thread can do. */
export type PerformMainTask = (task: MainTask) => unknown;

interface Version {
  readonly id: ServableId;
  readonly servable: ModelServable;
}

/** A failed thread is replaced at once; if it fails again within this time, the pause grows each time. */
const SOON_MS = 60_000;
const REPLACE_PAUSE_MS = 1000;
const REPLACE_PAUSE_MAX_MS = 60_000;
/** How long a thread may take to report its figures; the previous report is used then. */
const FIGURES_WAIT_MS = 1000;

/** How long a thread may take to stop listening before clients are sent away nevertheless. */
const STOP_WAIT_MS = 1000;

/** One place among the threads, and the thread that currently fills it. */
interface Place {
  readonly number: number;
  thread: ServingThread | undefined;
  sinceMs: number;
  failuresInARow: number;
  /** The figures of threads that have failed. */
  readonly past: ThreadFigures[];
}

/** The threads. Disposing them ends them; their versions must be withdrawn before. */
export class ServingThreads implements Disposable {
  /** Open connections by thread, the main one's first. */
  readonly connectionCounts: Int32Array<SharedArrayBuffer>;
  readonly #options: ServingThreadsOptions;
  #perform: PerformMainTask | undefined;
  readonly #places: readonly Place[];
  /** Failed threads that finish their running requests. */
  readonly #retiring = new Set<ServingThread>();
  readonly #versions = new Map<number, Version>();
  readonly #labels = new Map<string, ReadonlyMap<string, number>>();
  #statuses: ReadonlyMap<string, boolean> = new Map();
  #endpoints: TcpEndpoint[] = [];
  #isAccepting = false;
  #isGateOpen = false;
  #isLeaving = false;
  #lastKey = 0;
  #replaced = 0;
  readonly #cancelTimers = new Set<() => void>();
  /** Tasks that only {@link settled} waits for. */
  readonly #notifying = new Set<Promise<void>>();

  /**
   * Makes `count` threads, which run from {@link start} on. Versions, labels and health may be set before.
   *
   * @param count 0 for none besides the main one.
   */
  constructor(count: number, options: ServingThreadsOptions) {
    this.#options = options;
    this.connectionCounts = new Int32Array(
      new SharedArrayBuffer((count + 1) * Int32Array.BYTES_PER_ELEMENT),
    );
    this.#places = Array.from({ length: count }, (_, i): Place => {
      return { number: i + 1, thread: undefined, sinceMs: 0, failuresInARow: 0, past: [] };
    });
  }

  /**
   * Starts the threads.
   *
   * @throws {ServingError} if one of them cannot start; they must be disposed then.
   */
  async start(perform: PerformMainTask): Promise<void> {
    this.#perform = perform;
    await Promise.all(this.#places.map((place) => this.#fill(place)));
  }

  /** Number of threads, failed ones included. */
  get count(): number {
    return this.#places.length;
  }

  /** Number of replacements. */
  get replaced(): number {
    return this.#replaced;
  }

  /**
   * Publishes a version to all threads, and withdraws it before it is freed.
   *
   * @throws {ServingError} INTERNAL if one of them cannot serve it; the servable must be disposed then.
   */
  async publish(id: ServableId, servable: ModelServable): Promise<void> {
    const key = ++this.#lastKey;
    const version = { id, servable };
    this.#versions.set(key, version);
    servable.lend({ [Symbol.asyncDispose]: () => this.#withdraw(key) });
    await this.#askAll((place) => ({ kind: "serve", version: sharedVersion(key, { version, place }) }));
  }

  /** Sets the labels of a model. */
  label(name: string, labels: ReadonlyMap<string, number>): void {
    if (labels.size === 0) this.#labels.delete(name);
    else this.#labels.set(name, labels);
    this.#notifyAll({ kind: "label", name, labels });
  }

  /** Reports whether each service and model serves requests. */
  showHealth(statuses: ReadonlyMap<string, boolean>): void {
    this.#statuses = statuses;
    this.#notifyAll({ kind: "health", statuses });
  }

  /** Resolves when all threads have the labels and the health that were set. */
  async settled(): Promise<void> {
    await Promise.all(this.#notifying);
  }

  /**
   * Lets all threads listen on shared addresses. Connections wait until {@link accept}.
   *
   * @throws {ServingError} if one of them cannot.
   */
  async listen(endpoints: readonly TcpEndpoint[]): Promise<void> {
    this.#endpoints.push(...endpoints);
    await this.#askAll(() => ({ kind: "listen", endpoints }));
  }

  /** Lets all threads accept connections. */
  accept(): void {
    this.#isAccepting = true;
    this.#notifyAll({ kind: "accept" });
  }

  /** Lets requests go on that wait for the first models. */
  openGate(): void {
    this.#isGateOpen = true;
    this.#notifyAll({ kind: "open gate" });
  }

  /** Presents another certificate on all threads, beside the old one until {@link closeOldCertificate}. */
  async presentCertificate(certificate: CertificateTexts): Promise<void> {
    this.#endpoints = this.#endpoints.map((endpoint) => endpoint.tls ? { ...endpoint, tls: certificate } : endpoint);
    await this.#askAll(() => ({ kind: "present certificate", certificate }));
  }

  /** Stops presenting the old certificate; see {@link presentCertificate}. */
  async closeOldCertificate(): Promise<void> {
    await this.#askAll(() => ({ kind: "close old certificate" }));
  }

  /** Counts of all threads since the start, replaced ones included, as of the last {@link readFigures}. */
  get figures(): readonly ThreadFigures[] {
    return this.#places.flatMap(({ thread, past }) => thread?.figures ? [...past, thread.figures] : past);
  }

  /** Collects the figures of all threads. */
  async readFigures(): Promise<void> {
    await Promise.all(this.#live().map(({ thread }) => this.#readFigures(thread)));
  }

  /** Stops listening on all threads; open connections are served on. No thread is replaced from now on. */
  async stopListening(): Promise<void> {
    this.#isLeaving = true;
    const stopped = this.#askAll(() => ({ kind: "stop listening" })).catch(() => {});
    await within(stopped, STOP_WAIT_MS, { timer: this.#options.timer });
  }

  /** Lets running calls finish for up to `graceMs`. No thread is replaced from now on. */
  async leave(graceMs: number): Promise<void> {
    this.#isLeaving = true;
    await this.#askAll(() => ({ kind: "leave", graceMs }));
  }

  [Symbol.dispose](): void {
    this.#isLeaving = true;
    for (const cancel of this.#cancelTimers) cancel();
    for (const { thread } of this.#places) thread?.[Symbol.dispose]();
    for (const thread of this.#retiring) thread[Symbol.dispose]();
  }

  async #withdraw(key: number): Promise<void> {
    this.#versions.delete(key);
    const holders = [...this.#live().map(({ thread }) => thread), ...this.#retiring];
    await Promise.all(holders.map((thread) => unlessGone(thread, thread.ask({ kind: "withdraw", key }))));
  }

  #live(): { place: Place; thread: ServingThread }[] {
    return this.#places.flatMap((place) => place.thread === undefined ? [] : [{ place, thread: place.thread }]);
  }

  /** A thread that ends meanwhile is no failure: its replacement starts with the current state. */
  async #askAll(taskFor: (place: Place) => ThreadTask): Promise<void> {
    await Promise.all(
      this.#live().map(({ place, thread }) => unlessGone(thread, thread.ask(taskFor(place)))),
    );
  }

  #notifyAll(task: ThreadTask): void {
    const { log } = this.#options;
    const notifying = this.#askAll(() => task)
      .catch((error) => log.error("serving thread refused", { task: task.kind, error: String(error) }))
      .finally(() => this.#notifying.delete(notifying));
    this.#notifying.add(notifying);
  }

  /** Starts a thread and brings it up to date. */
  async #fill(place: Place): Promise<void> {
    const { settings, log, program } = this.#options;
    const perform = this.#perform;
    assert(perform !== undefined, "Threads are replaced before they were started");
    const thread = new ServingThread(program, {
      perform,
      onLog: (lines) => log.relay(lines),
      onFailed: (reason) => this.#onFailed(place, { thread, reason }),
    });
    try {
      const { connectionCounts } = this;
      await thread.ask({ kind: "start", settings: { ...settings, thread: place.number, connectionCounts } });
      if (this.#isLeaving) return thread[Symbol.dispose]();
      // From here on it gets every task; the current state comes first.
      place.thread = thread;
      place.sinceMs = performance.now();
      await this.#bringUpToDate(place, thread);
    } catch (error) {
      thread[Symbol.dispose]();
      if (place.thread === thread) place.thread = undefined;
      throw error;
    }
  }

  async #bringUpToDate(place: Place, thread: ServingThread): Promise<void> {
    const served = [...this.#versions].map(([key, version]) =>
      thread.ask({ kind: "serve", version: sharedVersion(key, { version, place }) })
    );
    const labelled = [...this.#labels].map(([name, labels]) => thread.ask({ kind: "label", name, labels }));
    await Promise.all([...served, ...labelled, thread.ask({ kind: "health", statuses: this.#statuses })]);
    if (this.#isGateOpen) await thread.ask({ kind: "open gate" });
    // Clients come last.
    if (this.#endpoints.length > 0) await thread.ask({ kind: "listen", endpoints: this.#endpoints });
    if (this.#isAccepting) await thread.ask({ kind: "accept" });
  }

  #onFailed(place: Place, { thread, reason }: { thread: ServingThread; reason: string }): void {
    if (this.#isLeaving || place.thread !== thread) return;
    place.thread = undefined;
    this.#options.log.error("serving thread failed", { thread: place.number, reason });
    void this.#retire(place, thread);
    const wasSoon = performance.now() - place.sinceMs < SOON_MS;
    place.failuresInARow = wasSoon ? place.failuresInARow + 1 : 1;
    this.#replaceLater(place);
  }

  /** Lets a failed thread finish its requests, if it can, and ends it. */
  async #retire(place: Place, thread: ServingThread): Promise<void> {
    this.#retiring.add(thread);
    await this.#readFigures(thread);
    if (thread.figures !== undefined) place.past.push(gone(thread.figures));
    const { graceMs } = this.#options;
    const left = thread.ask({ kind: "leave", graceMs }).catch(() => {});
    await within(left, graceMs, { timer: this.#options.timer });
    this.#retiring.delete(thread);
    thread[Symbol.dispose]();
    Atomics.store(this.connectionCounts, place.number, 0);
  }

  #replaceLater(place: Place): void {
    const { log, timer } = this.#options;
    const growth = place.failuresInARow === 1 ? 0 : 2 ** (place.failuresInARow - 2);
    const pauseMs = Math.min(REPLACE_PAUSE_MS * growth, REPLACE_PAUSE_MAX_MS);
    const cancel = timer(async () => {
      this.#cancelTimers.delete(cancel);
      try {
        await this.#fill(place);
        this.#replaced++;
        log.info("serving thread replaced", { thread: place.number });
      } catch (error) {
        if (this.#isLeaving) return;
        log.error("serving thread not replaced", { thread: place.number, error: toServingError(error).message });
        place.failuresInARow++;
        this.#replaceLater(place);
      }
    }, pauseMs);
    this.#cancelTimers.add(cancel);
  }

  async #readFigures(thread: ServingThread): Promise<void> {
    const asked = thread.ask({ kind: "report figures" }).then((figures) => {
      thread.figures = figures as ThreadFigures;
    }).catch(() => {});
    await within(asked, FIGURES_WAIT_MS, { timer: this.#options.timer });
  }
}

function sharedVersion(
  key: number,
  { version: { id, servable }, place }: { version: Version; place: Place },
): SharedVersion {
  return { key, name: id.name, version: id.version, servable: servable.share(place.number - 1) };
}

/** The figures of a thread that is gone: its counters, but no gauges. */
function gone({ traffic, requests, batches }: ThreadFigures): ThreadFigures {
  const now = { connections: 0, streams: 0, inflightBytes: 0, waitingForMemory: 0 };
  return { traffic: { ...traffic, ...now }, requests, models: [], batches };
}

async function unlessGone(thread: ServingThread, asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!thread.isGone) throw error;
  }
}
