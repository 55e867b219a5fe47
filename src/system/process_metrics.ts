/**
 * What the process takes of the machine, and how late its event loop is, in the names Prometheus' client libraries have for it.
 *
 * @module
 */
import process from "node:process";
import { processFigures } from "./libc.ts";
import { Histogram, type MetricsPage } from "../base/metrics.ts";

/** How often the loop is asked how late it is. */
const PROBE_INTERVAL_MS = 100;

/** Upper bounds for how late, in milliseconds. */
const DELAY_BOUNDS_MS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Watches the process. Disposing it ends the watching. */
export class ProcessMetrics implements Disposable {
  readonly #delays = new Histogram(DELAY_BOUNDS_MS);
  readonly #timer: ReturnType<typeof setInterval>;
  #dueMs = performance.now() + PROBE_INTERVAL_MS;

  constructor() {
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#delays.observe(Math.max(0, nowMs - this.#dueMs));
      this.#dueMs = nowMs + PROBE_INTERVAL_MS;
    }, PROBE_INTERVAL_MS);
  }

  /** Writes the families of the process. */
  collect(page: MetricsPage): void {
    const { user, system } = process.cpuUsage();
    const { rss, heapTotal, heapUsed, external } = Deno.memoryUsage();
    page.family("process_cpu_seconds_total", { type: "counter", help: "CPU time the process has used." })
      .add({}, (user + system) / 1e6);
    page.family("process_resident_memory_bytes", { type: "gauge", help: "Memory of the process that is in RAM." })
      .add({}, rss);
    page.family("process_start_time_seconds", { type: "gauge", help: "When the process started, in Unix time." })
      .add({}, Math.round(performance.timeOrigin) / 1000);
    collectLimits(page);
    const heap = page.family("ovserve_heap_bytes", {
      type: "gauge",
      help: "Memory of the JavaScript engine: what its heap takes, what of that is used, what lies outside of it.",
    });
    for (const [kind, bytes] of Object.entries({ total: heapTotal, used: heapUsed, external })) {
      heap.add({ kind }, bytes);
    }
    page.family("ovserve_event_loop_delay_seconds", {
      type: "histogram",
      help: "How late the event loop was when it was asked, ten times a second.",
    }).addHistogram({}, this.#delays, { scale: 1e-3 });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** The families that only some systems have figures for; their names are there everywhere. */
function collectLimits(page: MetricsPage): void {
  const { virtualBytes, descriptors, descriptorsMax } = processFigures() ?? {};
  const gauge = (name: string, { help, value }: { help: string; value: number | undefined }) => {
    const family = page.family(name, { type: "gauge", help });
    if (value !== undefined && Number.isFinite(value)) family.add({}, value);
  };
  gauge("process_virtual_memory_bytes", {
    help: "Addresses the process has reserved, whether memory stands behind them or not.",
    value: virtualBytes,
  });
  gauge("process_open_fds", { help: "File descriptors that are open: files, connections, pipes.", value: descriptors });
  gauge("process_max_fds", {
    help: "File descriptors that may be open; nothing where there is no bound.",
    value: descriptorsMax,
  });
}
