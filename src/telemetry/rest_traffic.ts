/**
 * Metrics of REST traffic, counted from requests: Deno exposes neither connections nor bytes other than bodies.
 *
 * @module
 */
import type { MetricsPage } from "../base/metrics.ts";

/** Counts REST requests and the lengths of their bodies without compression. */
export class RestTraffic {
  #open = 0;
  #receivedBytes = 0;
  #sentBytes = 0;

  /** A request has arrived. */
  open(): void {
    this.#open++;
  }

  /** The reply to a request is ready. */
  close({ receivedBytes, sentBytes }: { receivedBytes: number; sentBytes: number }): void {
    this.#open--;
    this.#receivedBytes += receivedBytes;
    this.#sentBytes += sentBytes;
  }

  /** Writes the families. */
  collect(page: MetricsPage): void {
    page.family("ovserve_rest_requests", { type: "gauge", help: "REST requests in flight." })
      .add({}, this.#open);
    page.family("ovserve_rest_received_bytes_total", {
      type: "counter",
      help: "Bytes of REST request bodies since the start, after decompression.",
    }).add({}, this.#receivedBytes);
    page.family("ovserve_rest_sent_bytes_total", {
      type: "counter",
      help: "Bytes of REST reply bodies since the start, before compression.",
    }).add({}, this.#sentBytes);
  }
}
