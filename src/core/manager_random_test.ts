import assert from "node:assert/strict";
import { type RandomBelow, withSeeds } from "../base/testing/random.ts";
import type { ServableHandle } from "./manager.ts";
import { type Rig, rig, type Toy, turns } from "./testing/manager_rig.ts";

const TIME_MAX_MS = 1500;
const STEPS = 60;
const VERSIONS = [0, 1, 2, 3];
const REVISIONS = ["a", "b"];

/** A manager, the versions aspired last, and the handles that are held. */
class Trial {
  readonly #rig: Rig;
  readonly #below: RandomBelow;
  readonly #loadsMax: number;
  readonly #handles: ServableHandle<Toy>[] = [];
  #wish: number[] = [];
  #revision = "a";
  readonly steps: string[] = [];

  constructor(below: RandomBelow) {
    this.#below = below;
    this.#loadsMax = 1 + this.#below(3);
    this.#rig = rig({ loadsMax: this.#loadsMax, loadRetriesMax: 2, endedVersionsMax: 3 });
  }

  /** Does something random, and checks the invariants. */
  async step(): Promise<void> {
    const wishBefore = this.#wish;
    const before = this.#available();
    await this.#act();
    await turns();
    const after = this.#available();
    for (const version of before) {
      const stays = wishBefore.includes(version) && this.#wish.includes(version);
      if (stays) assert.ok(after.includes(version), `version ${version} was wished for all the time, and went`);
    }
    if (before.length > 0 && this.#wish.length > 0) assert.ok(after.length > 0, "a name that was available is not");
    for (const { servable } of this.#handles) assert.equal(servable.disposals, 0, "a servable was freed while held");
    for (const { disposals } of this.#rig.toys) assert.ok(disposals <= 1, "a servable was freed twice");
    assert.ok(this.#rig.loads.length <= this.#loadsMax, "too many loads at once");
  }

  /** Lets everything settle, and checks that the aspired versions are served. */
  async finish(): Promise<void> {
    this.#releaseAll();
    await this.#settle();
    assert.deepEqual(this.#available().sort(), [...this.#wish].sort());
    const labels = this.#wish.map((version) => {
      using handle = this.#rig.manager.acquire({ name: "m", version });
      return handle.servable.label;
    });
    assert.deepEqual(labels, this.#wish.map((version) => `${version}${this.#revision}`));
    const living = this.#rig.toys.filter((toy) => toy.disposals === 0);
    assert.equal(living.length, this.#wish.length, "what is not wished for lives");
    await this.#rig.manager[Symbol.asyncDispose]();
    assert.ok(this.#rig.toys.every((toy) => toy.disposals === 1), "not everything was freed once");
    assert.deepEqual(this.#rig.timer.delaysMs, []);
  }

  async #act(): Promise<void> {
    const { manager, loads, next, timer } = this.#rig;
    switch (this.#below(8)) {
      case 0:
      case 1:
        this.#wish = VERSIONS.filter(() => this.#below(2) === 0);
        if (this.#below(4) === 0) this.#revision = REVISIONS[this.#below(REVISIONS.length)] as string;
        this.#say();
        return;
      case 2:
      case 3:
        this.#note("succeed");
        if (loads.length > 0) await next(this.#below(loads.length)).succeed();
        return;
      case 4:
        this.#note("fail");
        if (loads.length > 0) await next(this.#below(loads.length)).fail();
        return;
      case 5:
        this.#note("acquire");
        if (this.#available().length > 0) this.#handles.push(manager.acquire({ name: "m" }));
        return;
      case 6:
        this.#note("release");
        this.#handles.splice(this.#below(Math.max(1, this.#handles.length)), 1).forEach((handle) =>
          handle[Symbol.dispose]()
        );
        return;
      case 7:
        this.#note("retry");
        timer.fire();
    }
  }

  async #settle(): Promise<void> {
    // A new fingerprint makes versions load that were given up.
    this.#say("fixed");
    for (let round = 0; round < 100; round++) {
      await turns();
      if (this.#rig.loads.length === 0) return;
      await this.#rig.next().succeed();
    }
    assert.fail("it does not come to rest");
  }

  #say(fingerprint = `${this.#below(3)}`): void {
    const { manager, loader } = this.#rig;
    const revision = this.#revision;
    this.#note(`aspire ${this.#wish} ${revision} ${fingerprint}`);
    manager.aspire("m", new Map(this.#wish.map((version) => [version, loader(version, { fingerprint, revision })])));
  }

  /** The versions that requests get; none of them may have been freed. */
  #available(): number[] {
    const { manager } = this.#rig;
    const available = manager.states("m").filter(({ state }) => state === "available").map(({ id }) => id.version);
    for (const version of available) {
      using handle = manager.acquire({ name: "m", version });
      assert.equal(handle.servable.disposals, 0, "a freed servable was lent");
    }
    if (available.length > 0) {
      using latest = manager.acquire({ name: "m" });
      assert.equal(latest.id.version, Math.max(...available));
    }
    return available;
  }

  #releaseAll(): void {
    for (const handle of this.#handles.splice(0)) handle[Symbol.dispose]();
  }

  #note(step: string): void {
    this.steps.push(step);
  }
}

Deno.test("Manager keeps its invariants through random aspired sets, loads, failures and requests", async () => {
  await withSeeds(async (below) => {
    const trial = new Trial(below);
    try {
      for (let step = 0; step < STEPS; step++) await trial.step();
      await trial.finish();
    } catch (error) {
      throw new Error(`Steps: ${trial.steps.join("; ")}`, { cause: error });
    }
  }, TIME_MAX_MS);
});
