/**
 * The error type of the program, and gRPC's canonical codes, from which every protocol maps. Independent of protocols.
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
 * A failure with a code for machines and a sentence for people. The message may reach clients, so paths in it begin at the model's
 * folder. The detail and the cause never reach clients.
 */
export class ServingError extends Error {
  override readonly name = "ServingError";
  /** The sentence for the log, which may contain full paths; the message if there is nothing to add. */
  readonly detail: string;

  constructor(readonly code: Code, message: string, { detail = message, ...options }: ServingErrorOptions = {}) {
    super(message, options);
    this.detail = detail;
  }
}

/** What clients must not see of a failure. */
export interface ServingErrorOptions extends ErrorOptions {
  readonly detail?: string;
}

/** Returns the sentence for the log on anything thrown. */
export function detailOf(thrown: unknown): string {
  if (thrown instanceof ServingError) return thrown.detail;
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * Turns anything thrown into a {@link ServingError}. Unexpected errors become INTERNAL with a message that reveals nothing; the
 * original is kept as the cause, for the log.
 */
export function toServingError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  return new ServingError(CODE.INTERNAL, "Internal error", { cause: thrown });
}

/** Throws if an invariant of the program is broken. Not for checks of input: the message ends in "This is a bug". */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new Error(`${sentence}. This is a bug`);
}
