/**
 * The process's use of resources and the delay of its event loop, under the metric names of Prometheus' client libraries.
 *
 * @module
 */
import process from "node:process";
import { processFigures } from "./libc.ts";
import { Histogram, type MetricsPage } from "../base/metrics.ts";

/** How often the loop's delay is measured. */
const PROBE_INTERVAL_MS = 100;

/** Upper bounds of delays, in milliseconds. */
const DELAY_BOUNDS_MS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** Measures the process until it is disposed. */
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

  /** Writes the metrics of the process. */
  collect(page: MetricsPage): void {
    const { user, system } = process.cpuUsage();
    const { rss, heapTotal, heapUsed, external } = Deno.memoryUsage();
    page.family("process_cpu_seconds_total", { type: "counter", help: "User and system CPU time of the process." })
      .add({}, (user + system) / 1e6);
    page.family("process_resident_memory_bytes", { type: "gauge", help: "Resident memory of the process." })
      .add({}, rss);
    page.family("process_start_time_seconds", { type: "gauge", help: "Start of the process, in Unix time." })
      .add({}, Math.round(performance.timeOrigin) / 1000);
    collectLimits(page);
    const heap = page.family("ovserve_heap_bytes", {
      type: "gauge",
      help: "Memory of the JavaScript engine: size of its heap, used part of it, memory outside of it.",
    });
    for (const [kind, bytes] of Object.entries({ total: heapTotal, used: heapUsed, external })) {
      heap.add({ kind }, bytes);
    }
    page.family("ovserve_event_loop_delay_seconds", {
      type: "histogram",
      help: "Delay of the event loop, measured ten times a second.",
    }).addHistogram({}, this.#delays, { scale: 1e-3 });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Writes metrics that only some systems have values for; their names appear everywhere. */
function collectLimits(page: MetricsPage): void {
  const { virtualBytes, descriptors, descriptorsMax } = processFigures() ?? {};
  const gauge = (name: string, { help, value }: { help: string; value: number | undefined }) => {
    const family = page.family(name, { type: "gauge", help });
    if (value !== undefined && Number.isFinite(value)) family.add({}, value);
  };
  gauge("process_virtual_memory_bytes", {
    help: "Virtual memory of the process.",
    value: virtualBytes,
  });
  gauge("process_open_fds", { help: "Open file descriptors: files, connections, pipes.", value: descriptors });
  gauge("process_max_fds", {
    help: "Limit of open file descriptors; absent without a limit.",
    value: descriptorsMax,
  });
}
