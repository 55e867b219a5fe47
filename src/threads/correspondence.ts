/**
 * Tasks for the other side of a message port, and the answers to them.
 *
 * @module
 */
import { CODE, ServingError, toServingError } from "../base/status.ts";
import type { Answer, Message } from "./messages.ts";

/** How messages travel, and who does what the other side asks. */
export interface CorrespondenceOptions<Theirs, Ours> {
  readonly post: (message: Message<Ours> | Message<Theirs>) => void;
  /** What it returns, or throws, is the answer. */
  readonly perform: (task: Theirs) => unknown;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: ServingError): void;
}

/** One side of it. `Theirs` are the tasks that come, `Ours` those that go. */
export class Correspondence<Theirs, Ours> {
  readonly #options: CorrespondenceOptions<Theirs, Ours>;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #end: ServingError | undefined;

  constructor(options: CorrespondenceOptions<Theirs, Ours>) {
    this.#options = options;
  }

  /**
   * Has the other side do something.
   *
   * @throws {ServingError} what it failed with there; what {@link end} was told.
   */
  ask(task: Ours): Promise<unknown> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    this.#options.post({ kind: "task", id, task });
    return promise;
  }

  /** Takes in a message from the other side. */
  receive(message: Message<Theirs>): void {
    if (message.kind === "task") void this.#perform(message.id, message.task);
    else this.#settle(message.id, message.answer);
  }

  /** Fails what is asked now and from now on: the other side is gone. */
  end(reason: string): void {
    this.#end = new ServingError(CODE.UNAVAILABLE, reason);
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
  }

  async #perform(id: number, task: Theirs): Promise<void> {
    let answer: Answer;
    try {
      answer = { result: await this.#options.perform(task) };
    } catch (thrown) {
      const { code, message, detail, cause } = toServingError(thrown);
      answer = { error: { code, message, detail, cause: cause === undefined ? undefined : String(cause) } };
    }
    this.#options.post({ kind: "answer", id, answer });
  }

  #settle(id: number, answer: Answer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if ("result" in answer) return pending?.resolve(answer.result);
    const { code, message, detail, cause } = answer.error;
    pending?.reject(new ServingError(code, message, { detail, cause }));
  }
}
