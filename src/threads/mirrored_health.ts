/**
 * What the main thread says of readiness, for a serving thread to tell its clients.
 *
 * @module
 */
import type { HealthSource } from "../grpc/builtin/health.ts";

/** Knows what it was told last. */
export class MirroredHealth implements HealthSource {
  readonly #listeners = new Set<() => void>();
  #statuses: ReadonlyMap<string, boolean> = new Map();

  /** Takes in whether each service and model can be asked: all of them, each time. */
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
