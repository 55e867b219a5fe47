/**
 * What is recorded of the requests of one thread: counts and durations always, log lines and traces where they are enabled.
 *
 * @module
 */
import type { Log } from "../base/log.ts";
import type { OnFault } from "../base/observed_request.ts";
import { grpcCallObserver, restCallObserver } from "../telemetry/call_observers.ts";
import type { OnEnded } from "../telemetry/ended_request.ts";
import { faultLog } from "../telemetry/fault_log.ts";
import { requestListeners } from "../telemetry/request_listeners.ts";
import { RequestMetrics } from "../telemetry/request_metrics.ts";

/** Observes the requests of one thread. */
export class RequestTelemetry {
  readonly metrics: RequestMetrics;
  /** Logs requests that fail through a fault of the server. */
  readonly onFault: OnFault;
  readonly #listeners: readonly OnEnded[];

  private constructor(log: Log, isModel: (name: string) => boolean, listeners: readonly OnEnded[]) {
    this.metrics = new RequestMetrics({ isModel, timesAll: listeners.length > 0 });
    this.onFault = faultLog(log);
    this.#listeners = listeners;
  }

  /**
   * Sets up logging and tracing.
   *
   * @param isModel whether a name is that of a model; other names share one series.
   */
  static async open(
    log: Log,
    { logsRequests, isModel }: { logsRequests: boolean; isModel: (name: string) => boolean },
  ): Promise<RequestTelemetry> {
    return new RequestTelemetry(log, isModel, await requestListeners({ logsRequests }, log));
  }

  /** Makes the observer of a gRPC server. */
  grpcObserver(): ReturnType<typeof grpcCallObserver> {
    return grpcCallObserver(this.metrics, this.#listeners);
  }

  /** Makes the observer of a REST server. */
  restObserver(): ReturnType<typeof restCallObserver> {
    return restCallObserver(this.metrics, this.#listeners);
  }
}
