/**
 * Tasks for the other side of a message port, and their results: two threads call each other over one channel.
 *
 * @module
 */
import { type Code, ServingError, toServingError } from "./status.ts";

/** The result of a task, or the error it failed with. */
export type TaskOutcome =
  | { readonly result: unknown }
  | {
    readonly error: {
      readonly code: Code;
      readonly message: string;
      readonly detail: string;
      readonly cause: string | undefined;
    };
  };

/** A message in either direction. It can be cloned if its task and its result can. */
export type ChannelMessage<Task> =
  | { readonly kind: "task"; readonly id: number; readonly task: Task }
  | { readonly kind: "outcome"; readonly id: number; readonly outcome: TaskOutcome };

/** How messages travel, and what handles the other side's tasks. */
export interface TaskChannelOptions<Theirs, Ours> {
  /** Posts a message. The buffers of `transfer` move with it. */
  readonly post: (message: ChannelMessage<Ours> | ChannelMessage<Theirs>, transfer: ArrayBuffer[]) => void;
  /** Performs a task. The other side receives what it returns or throws; a {@link Transferred} moves its buffers. */
  readonly perform: (task: Theirs) => unknown;
}

/** A result whose buffers move to the other side instead of being copied. */
export class Transferred {
  constructor(readonly result: unknown, readonly transfer: ArrayBuffer[]) {}
}

/** One side of a channel. `Theirs` are the tasks it receives, `Ours` those it sends. */
export class TaskChannel<Theirs, Ours> {
  readonly #options: TaskChannelOptions<Theirs, Ours>;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #end: ServingError | undefined;

  constructor(options: TaskChannelOptions<Theirs, Ours>) {
    this.#options = options;
  }

  /**
   * Sends a task and returns its result.
   *
   * @param transfer buffers that move with the task; the caller must not use them afterwards.
   * @throws {ServingError} the error of the other side, or the error given to {@link close}.
   * @throws what `post` throws, if the task cannot be cloned.
   */
  async request(task: Ours, transfer: ArrayBuffer[] = []): Promise<unknown> {
    if (this.#end !== undefined) throw this.#end;
    const id = ++this.#lastId;
    const pending = Promise.withResolvers<unknown>();
    this.#options.post({ kind: "task", id, task }, transfer);
    this.#pending.set(id, pending);
    return await pending.promise;
  }

  /** Handles a message from the other side. */
  receive(message: ChannelMessage<Theirs>): void {
    if (message.kind === "task") void this.#perform(message.id, message.task);
    else this.#settle(message.id, message.outcome);
  }

  /** Fails all pending and all later tasks: the other side is gone. */
  close(error: ServingError): void {
    this.#end = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  async #perform(id: number, task: Theirs): Promise<void> {
    const { perform, post } = this.#options;
    try {
      const performed = await perform(task);
      const { result, transfer } = performed instanceof Transferred ? performed : new Transferred(performed, []);
      post({ kind: "outcome", id, outcome: { result } }, transfer);
    } catch (thrown) {
      // A result that cannot be cloned ends up here too.
      const { code, message, detail, cause } = toServingError(thrown);
      const error = { code, message, detail, cause: cause === undefined ? undefined : String(cause) };
      post({ kind: "outcome", id, outcome: { error } }, []);
    }
  }

  #settle(id: number, outcome: TaskOutcome): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if ("result" in outcome) return pending?.resolve(outcome.result);
    const { code, message, detail, cause } = outcome.error;
    pending?.reject(new ServingError(code, message, { detail, cause }));
  }
}
