/**
 * All versions of one name: the aspired ones, the existing ones, and those that requests get.
 *
 * @module
 */
import { Harness, type StateListener } from "./harness.ts";
import type { Loader, ServableState } from "./servable.ts";

/** The versions of one name. Turns aspired versions into harnesses; the manager loads and unloads those. */
export class ServableStream<T> {
  readonly name: string;
  /** The available servable of each version. */
  readonly available = new Map<number, Harness<T>>();
  /** The available servable of the highest version. */
  latest: Harness<T> | undefined;
  /** Oldest first. A version can have two: the later one replaces the earlier. */
  #harnesses: readonly Harness<T>[] = [];
  #aspired: ReadonlyMap<number, Loader<T>> = new Map();
  readonly #onStateChange: StateListener;

  constructor(name: string, onStateChange: StateListener) {
    this.name = name;
    this.#onStateChange = (state) => {
      if (state.state === "available") this.#publish();
      onStateChange(state);
      if (state.state === "unloading") this.#publish();
    };
  }

  get harnesses(): readonly Harness<T>[] {
    return this.#harnesses;
  }

  /** Whether no version is aspired or exists. */
  get isEmpty(): boolean {
    return this.#harnesses.length === 0 && this.#aspired.size === 0;
  }

  /** The loader of a harness; undefined when it is not aspired. */
  loaderOf(harness: Harness<T>): Loader<T> | undefined {
    return harness.isAspired ? this.#aspired.get(harness.version) : undefined;
  }

  /** Replaces the aspired versions. */
  accept(aspired: ReadonlyMap<number, Loader<T>>): void {
    this.#aspired = aspired;
    const chosen = new Set<Harness<T>>();
    for (const [version, loader] of aspired) chosen.add(this.#choose(version, loader));
    for (const harness of this.#harnesses) {
      harness.isAspired = chosen.has(harness);
      if (!harness.isAspired && (harness.state === "start" || harness.state === "end")) this.#abandon(harness);
    }
  }

  /** Removes a harness that has ended. A version that was aspired again meanwhile starts over. */
  drop(harness: Harness<T>): void {
    this.#harnesses = this.#harnesses.filter((other) => other !== harness);
    if (this.#aspired.size > 0) this.accept(this.#aspired);
  }

  /** One state for each version that has a harness. */
  states(): Map<number, ServableState> {
    const states = new Map<number, ServableState>();
    for (const harness of this.#harnesses) {
      const serving = this.available.get(harness.version);
      const state = harness.snapshot();
      states.set(
        harness.version,
        serving === undefined ? state : { ...state, state: serving.state, isOutdated: this.#isOutdated(serving) },
      );
    }
    return states;
  }

  /** The harness for an aspired version: an existing one if it fits, else a new one. */
  #choose(version: number, loader: Loader<T>): Harness<T> {
    const ofVersion = this.#harnesses.filter((harness) => harness.version === version);
    const live = ofVersion.filter((harness) => harness.isLive);
    const same = live.find((harness) => harness.revision === loader.revision);
    if (same !== undefined) {
      if (same.state === "end" && same.fingerprint !== loader.fingerprint) same.restart({ keepFailures: false });
      return same;
    }
    const idle = live.find((harness) => harness.state === "start" || harness.state === "end");
    if (idle !== undefined) {
      idle.revision = loader.revision;
      idle.origin = loader.origin;
      if (idle.state === "end") idle.restart({ keepFailures: false });
      return idle;
    }
    const unloading = live.length === 0 ? ofVersion.at(-1) : undefined;
    return unloading ?? this.#add(version, loader);
  }

  #add(version: number, loader: Loader<T>): Harness<T> {
    const harness = new Harness<T>({ name: this.name, version }, loader, this.#onStateChange);
    this.#harnesses = [...this.#harnesses, harness];
    return harness;
  }

  #isOutdated({ version, revision, fingerprint }: Harness<T>): boolean {
    const loader = this.#aspired.get(version);
    return loader !== undefined && loader.revision === revision && loader.fingerprint !== fingerprint;
  }

  /** Updates which servables requests get. */
  #publish(): void {
    this.available.clear();
    this.latest = undefined;
    for (const harness of this.#harnesses) {
      if (harness.state !== "available") continue;
      this.available.set(harness.version, harness);
      if (harness.version >= (this.latest?.version ?? 0)) this.latest = harness;
    }
  }

  #abandon(harness: Harness<T>): void {
    harness.cancelRetry?.();
    if (harness.state === "start") harness.become("end");
    this.#harnesses = this.#harnesses.filter((other) => other !== harness);
  }
}
