/**
 * Continuous predictions from several callers, none of which may fail: the load that runs while tests change something.
 *
 * @module
 */
import assert from "node:assert/strict";
import { floatTensor, type Message, PredictionClient } from "./prediction_client.ts";

/** More callers than connections, so that requests of one connection overlap. */
const CALLERS = 4;
const CONNECTIONS = 2;

/** Requests 10 / 2 + 2 from `half_plus_two`, under any name. */
export function askHalf(client: PredictionClient, modelSpec: Message): Promise<Message> {
  return client.predict({ model_spec: modelSpec, inputs: { x: floatTensor([10]) } }, { timeoutMs: 60_000 });
}

/** The version that gave an answer. */
export function versionOf(answer: Message): string {
  return (answer.model_spec as { version: { value: string } }).version.value;
}

/** Requests the newest version of a model continuously until it is stopped. */
export class SteadyLoad {
  readonly #clients: readonly PredictionClient[];
  readonly #callers: Promise<unknown>;
  readonly #versions: string[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #isStopped = false;
  #answers = 0;
  #onAnswer: (() => void) | undefined;

  /** @param name of a copy of `half_plus_two`, served at this address. */
  constructor(address: string, name: string) {
    // It may reject while nothing awaits it.
    this.#failed.promise.catch(() => {});
    this.#clients = Array.from({ length: CONNECTIONS }, () => new PredictionClient(address));
    this.#callers = Promise.all(
      Array.from({ length: CALLERS }, (_, i) => this.#ask(this.#clients[i % CONNECTIONS] as PredictionClient, name)),
    );
  }

  /** How many correct answers there were. */
  get answers(): number {
    return this.#answers;
  }

  /** The versions that answered, each once, in the order of their first answers. */
  get versions(): readonly string[] {
    return this.#versions;
  }

  /** Makes the load fail, and everything that waits for it. */
  fail(reason: unknown): void {
    this.#isStopped = true;
    this.#failed.reject(reason);
  }

  /** Waits for something else; rejects when a request fails first. */
  during<T>(other: Promise<T>): Promise<T> {
    return Promise.race([this.#failed.promise, other]);
  }

  /** Resolves when `count` more requests have been answered; rejects when one has failed. */
  async more(count: number): Promise<void> {
    const enough = this.#answers + count;
    while (this.#answers < enough) await this.during(new Promise<void>((resolve) => this.#onAnswer = resolve));
  }

  /** Ends the load. Rejects when a request failed or was answered wrongly, or when none was answered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#callers;
    for (const client of this.#clients) client[Symbol.dispose]();
    await this.during(Promise.resolve());
    assert(this.#answers > 0, "no request was answered");
  }

  async #ask(client: PredictionClient, name: string): Promise<void> {
    while (!this.#isStopped) {
      try {
        const answer = await askHalf(client, { name });
        assert.deepEqual((answer.outputs as Record<string, Message>).y?.float_val, [7]);
        const version = versionOf(answer);
        if (!this.#versions.includes(version)) this.#versions.push(version);
        this.#answers++;
      } catch (thrown) {
        this.fail(thrown);
      }
      this.#onAnswer?.();
    }
  }
}
