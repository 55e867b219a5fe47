/**
 * Counts and durations of the inferences of versions, in plain types.
 *
 * @module
 */

/** How often something happened, and how many nanoseconds it took altogether. */
export interface Duration {
  readonly count: number;
  readonly ns: number;
}

/** The inferences of one version since it was loaded. */
export interface VersionStatistics {
  readonly name: string;
  readonly version: number;
  /** When the last request ended: milliseconds since the epoch; 0 if there was none. */
  readonly lastInferenceMs: number;
  /** Requests that were inferred. */
  readonly inferenceCount: number;
  /** Executions of the model: a batch of several requests is one. */
  readonly executionCount: number;
  /** Whole requests, from their message to their reply. */
  readonly success: Duration;
  readonly failure: Duration;
  /** The parts of successful requests. */
  readonly queue: Duration;
  readonly input: Duration;
  readonly inference: Duration;
  readonly output: Duration;
  /** Executions by batch size; empty where requests do not share executions. */
  readonly batches: readonly { readonly size: number; readonly inference: Duration }[];
}

/** Reports statistics, on whichever thread. */
export interface StatisticsSource {
  /** Returns the statistics of all versions that serve. */
  statistics(): readonly VersionStatistics[] | Promise<readonly VersionStatistics[]>;
}
