/**
 * What goes through the REST server, as far as it can be seen from requests: the runtime shows neither connections nor what they
 * carry besides bodies.
 *
 * @module
 */
import type { MetricsPage } from "../base/metrics.ts";

/** Counts REST requests and their bodies. Lengths are those of bodies that are not packed. */
export class RestTraffic {
  #open = 0;
  #receivedBytes = 0;
  #sentBytes = 0;

  /** A request has come. */
  open(): void {
    this.#open++;
  }

  /** The reply to one is ready. */
  close({ receivedBytes, sentBytes }: { receivedBytes: number; sentBytes: number }): void {
    this.#open--;
    this.#receivedBytes += receivedBytes;
    this.#sentBytes += sentBytes;
  }

  /** Writes the families. */
  collect(page: MetricsPage): void {
    page.family("ovserve_rest_requests", { type: "gauge", help: "REST requests that are being answered." })
      .add({}, this.#open);
    page.family("ovserve_rest_received_bytes_total", {
      type: "counter",
      help: "Bytes of the bodies of REST requests since the start, unpacked.",
    }).add({}, this.#receivedBytes);
    page.family("ovserve_rest_sent_bytes_total", {
      type: "counter",
      help: "Bytes of the bodies of replies to them since the start, before they are packed.",
    }).add({}, this.#sentBytes);
  }
}
