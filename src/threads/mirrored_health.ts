/**
 * The health that the main thread reports, for a serving thread's health service.
 *
 * @module
 */
import type { HealthSource } from "../grpc/builtin/health.ts";

/** Holds the last report. */
export class MirroredHealth implements HealthSource {
  readonly #listeners = new Set<() => void>();
  #statuses: ReadonlyMap<string, boolean> = new Map();

  /** Replaces the report: whether each service and model serves requests. */
  update(statuses: ReadonlyMap<string, boolean>): void {
    this.#statuses = statuses;
    for (const listener of this.#listeners) listener();
  }

  isServing(service: string): boolean | undefined {
    return this.#statuses.get(service);
  }

  services(): readonly string[] {
    return [...this.#statuses.keys()];
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
