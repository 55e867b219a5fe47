/**
 * Whether the server, and each of its models, can answer requests just now: the one truth behind gRPC's health service and REST's
 * probes, in plain types.
 *
 * @module
 */
import type { Manager } from "../core/manager.ts";

/** What readiness is judged by. */
export interface ReadinessOptions {
  readonly manager: Pick<Manager<Disposable>, "states">;
  /** The names of the models that ought to be served, as they are now. */
  readonly modelNames: () => readonly string[];
  /** Whether the server as a whole is ready only when every model has a version to answer with (`--strict_readiness`). */
  readonly isStrict: boolean;
}

/** Reports readiness, on whichever thread. */
export interface ReadinessSource {
  /** As {@link Readiness.isReady}. */
  isReady(): boolean;
  /** As {@link Readiness.isModelReady}. */
  isModelReady(name: string, version?: number): boolean | undefined;
}

/** The services a health probe may ask for, in the names of the protos and in those TensorFlow Serving registers (server.cc). */
const PREDICTION_SERVICES: readonly string[] = ["", "PredictionService", "tensorflow.serving.PredictionService"];
const MODEL_SERVICES: readonly string[] = ["ModelService", "tensorflow.serving.ModelService"];

/** Judges readiness at each question; tells of possible changes. */
export class Readiness implements ReadinessSource {
  readonly #options: ReadinessOptions;
  readonly #listeners = new Set<() => void>();
  #phase: "starting" | "started" | "leaving" = "starting";
  #isTelling = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** From now on requests are answered. */
  start(): void {
    if (this.#phase === "starting") this.#phase = "started";
    this.changed();
  }

  /** The server is going: nothing is ready from now on. Requests are still answered for a while. */
  leave(): void {
    this.#phase = "leaving";
    this.changed();
  }

  /** Says that the answers may be others now: a version has changed its state, or the set of models has changed. */
  changed(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    // A state is told while it is being entered; all is in its place after that.
    queueMicrotask(() => {
      this.#isTelling = false;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Calls a listener after each possible change, until the function it returns is called. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether the server answers requests, for all its models unless it is told not to be strict. */
  isReady(): boolean {
    if (this.#phase !== "started") return false;
    return !this.#options.isStrict || this.#options.modelNames().every((name) => this.#hasAvailable(name));
  }

  /**
   * Whether a model can be asked.
   *
   * @param version any version when left out.
   * @returns undefined when there is no such model, or no such version of it.
   */
  isModelReady(name: string, version?: number): boolean | undefined {
    const states = this.#options.manager.states(name);
    if (version !== undefined && !states.some(({ id }) => id.version === version)) return undefined;
    if (!this.#options.modelNames().includes(name) && states.every(({ state }) => state === "end")) return undefined;
    return this.#phase === "started" && this.#hasAvailable(name, version);
  }

  /**
   * Whether what a health probe names can be asked: a service, or a model; the empty name is the server as a whole. Where a model
   * has the name of a service, the service is meant.
   *
   * @returns undefined when there is nothing of that name.
   */
  isServing(service: string): boolean | undefined {
    if (PREDICTION_SERVICES.includes(service)) return this.isReady();
    if (MODEL_SERVICES.includes(service)) return this.#phase === "started";
    return this.isModelReady(service);
  }

  /** All names {@link isServing} knows. */
  services(): readonly string[] {
    return [...new Set([...PREDICTION_SERVICES, ...MODEL_SERVICES, ...this.#options.modelNames()])];
  }

  #hasAvailable(name: string, version?: number): boolean {
    return this.#options.manager.states(name).some(({ id, state }) =>
      state === "available" && (version === undefined || id.version === version)
    );
  }
}
