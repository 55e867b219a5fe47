/**
 * Whether the server, and each of its models, can answer requests now: the common source of gRPC's health service and REST's
 * probes, in plain types.
 *
 * @module
 */
import type { Manager } from "../core/manager.ts";

/** A service that health probes may ask for. */
export interface HealthService {
  /** `tensorflow.serving.PredictionService`. */
  readonly name: string;
  /** Whether it is ready only if the server as a whole is; otherwise it is as soon as the server has started. */
  readonly needsModels: boolean;
}

/** What readiness depends on. */
export interface ReadinessOptions {
  readonly manager: Pick<Manager<Disposable>, "states">;
  /** Returns the names of the models that ought to be served now. */
  readonly modelNames: () => readonly string[];
  /** The services of all APIs. */
  readonly services: readonly HealthService[];
  /** Whether the server as a whole is ready only if every model has an available version (`--strict_readiness`). */
  readonly isStrict: boolean;
  /** Whether version 0 stands for any version, as in `PredictionService`. */
  readonly versionZeroMeansLatest?: boolean;
}

/** Reports readiness, on whichever thread. */
export interface ReadinessSource {
  /** As {@link Readiness.isReady}. */
  isReady(): boolean;
  /** As {@link Readiness.isModelReady}. */
  isModelReady(name: string, version?: number): boolean | undefined;
}

/** Derives readiness whenever it is asked, and reports possible changes. */
export class Readiness implements ReadinessSource {
  readonly #options: ReadinessOptions;
  readonly #listeners = new Set<() => void>();
  #phase: "starting" | "started" | "leaving" = "starting";
  #isNotifying = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Marks the server as started: requests are answered from now on. */
  start(): void {
    if (this.#phase === "starting") this.#phase = "started";
    this.changed();
  }

  /** Marks the server as leaving: nothing is ready from now on, though requests are still answered for a while. */
  leave(): void {
    this.#phase = "leaving";
    this.changed();
  }

  /** Notifies listeners: a version has changed its state, or the set of models has changed. */
  changed(): void {
    if (this.#isNotifying) return;
    this.#isNotifying = true;
    // States are reported while they are being entered; afterwards everything is in place.
    queueMicrotask(() => {
      this.#isNotifying = false;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Calls a listener after each possible change, until the returned function is called. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether the server answers requests; if it is strict, for all its models. */
  isReady(): boolean {
    if (this.#phase !== "started") return false;
    return !this.#options.isStrict || this.#options.modelNames().every((name) => this.#hasAvailable(name));
  }

  /**
   * Whether a model can answer requests.
   *
   * @param version any version if left out.
   * @returns undefined if there is no such model, or no such version of it.
   */
  isModelReady(name: string, version?: number): boolean | undefined {
    if (version === 0 && this.#options.versionZeroMeansLatest === true) return this.isModelReady(name);
    const states = this.#options.manager.states(name);
    if (version !== undefined && !states.some(({ id }) => id.version === version)) return undefined;
    if (!this.#options.modelNames().includes(name) && states.every(({ state }) => state === "end")) return undefined;
    return this.#phase === "started" && this.#hasAvailable(name, version);
  }

  /**
   * Whether a service or a model can answer requests. The empty name is the server as a whole; a service takes precedence over a
   * model of the same name.
   *
   * @returns undefined if nothing has that name.
   */
  isServing(name: string): boolean | undefined {
    if (name === "") return this.isReady();
    const service = this.#options.services.find((candidate) => candidate.name === name);
    if (service === undefined) return this.isModelReady(name);
    return service.needsModels ? this.isReady() : this.#phase === "started";
  }

  /** All names that {@link isServing} knows. */
  services(): readonly string[] {
    const services = this.#options.services.map(({ name }) => name);
    return [...new Set(["", ...services, ...this.#options.modelNames()])];
  }

  #hasAvailable(name: string, version?: number): boolean {
    return this.#options.manager.states(name).some(({ id, state }) =>
      state === "available" && (version === undefined || id.version === version)
    );
  }
}
