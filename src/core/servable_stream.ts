/**
 * All versions of one name: what is wished for, what there is of it, and which of them requests get.
 *
 * @module
 */
import { Harness, type StateListener } from "./harness.ts";
import type { Loader, ServableState } from "./servable.ts";

/** The versions of one name. Turns a wish into harnesses; loading and unloading them is the manager's. */
export class ServableStream<T> {
  readonly name: string;
  /** The available servable of each version. */
  readonly available = new Map<number, Harness<T>>();
  /** The available servable of the highest version. */
  latest: Harness<T> | undefined;
  /** Oldest first; there can be two of a version, of which the later one replaces the earlier. */
  #harnesses: readonly Harness<T>[] = [];
  #wish: ReadonlyMap<number, Loader<T>> = new Map();
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

  /** Whether there is nothing left to know about it but its past. */
  get isEmpty(): boolean {
    return this.#harnesses.length === 0 && this.#wish.size === 0;
  }

  /** How the servable of a harness that is aspired is to be made. */
  loaderOf(harness: Harness<T>): Loader<T> | undefined {
    return harness.isAspired ? this.#wish.get(harness.version) : undefined;
  }

  /** Takes in the versions that ought to be loaded; all others ought not to be. */
  accept(wish: ReadonlyMap<number, Loader<T>>): void {
    this.#wish = wish;
    const chosen = new Set<Harness<T>>();
    for (const [version, loader] of wish) chosen.add(this.#choose(version, loader));
    for (const harness of this.#harnesses) {
      harness.isAspired = chosen.has(harness);
      if (!harness.isAspired && (harness.state === "start" || harness.state === "end")) this.#abandon(harness);
    }
  }

  /** Forgets a harness that has come to its end. A version that was wished back meanwhile begins anew. */
  drop(harness: Harness<T>): void {
    this.#harnesses = this.#harnesses.filter((other) => other !== harness);
    if (this.#wish.size > 0) this.accept(this.#wish);
  }

  /** One state a version, of those that are not forgotten. */
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

  /** The harness that stands for a wished version: one that is there if it will do, else a new one. */
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
    const onItsWayOut = live.length === 0 ? ofVersion.at(-1) : undefined;
    return onItsWayOut ?? this.#add(version, loader);
  }

  #add(version: number, loader: Loader<T>): Harness<T> {
    const harness = new Harness<T>({
      id: { name: this.name, version },
      revision: loader.revision,
      origin: loader.origin,
      onStateChange: this.#onStateChange,
    });
    this.#harnesses = [...this.#harnesses, harness];
    return harness;
  }

  #isOutdated({ version, revision, fingerprint }: Harness<T>): boolean {
    const loader = this.#wish.get(version);
    return loader !== undefined && loader.revision === revision && loader.fingerprint !== fingerprint;
  }

  /** Decides anew which servables requests get. */
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
