/**
 * The one error type of the program and gRPC's canonical codes, which every protocol maps from. Knows no protocol.
 *
 * @module
 */

/** The canonical codes with their numbers on the gRPC wire (google/rpc/code.proto). */
export const CODE = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** The name of a canonical code. */
export type CodeName = keyof typeof CODE;

/** The number of a canonical code. */
export type Code = (typeof CODE)[CodeName];

/**
 * A failure with a code for machines and a sentence for people. The message may reach a client, so it names files from the model on
 * and nothing else of the host; the detail and the cause never do.
 */
export class ServingError extends Error {
  override readonly name = "ServingError";
  /** The sentence for the log: it may name whole paths. The message where nothing more is to be said. */
  readonly detail: string;

  constructor(readonly code: Code, message: string, { detail = message, ...options }: ServingErrorOptions = {}) {
    super(message, options);
    this.detail = detail;
  }
}

/** What is known of a failure and not for clients. */
export interface ServingErrorOptions extends ErrorOptions {
  readonly detail?: string;
}

/** What the log says of anything thrown. */
export function detailOf(thrown: unknown): string {
  if (thrown instanceof ServingError) return thrown.detail;
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * Turns anything thrown into a {@link ServingError}. What was not understood where it happened becomes INTERNAL with
 * a text that tells a client nothing; the original is kept as the cause, for the log.
 */
export function toServingError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  return new ServingError(CODE.INTERNAL, "Internal error", { cause: thrown });
}

/** Fails on a mistake of ours, never on input: the sentence should end in "This is a bug". */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new Error(`${sentence}. This is a bug`);
}
