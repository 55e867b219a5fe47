/**
 * Inflates compressed messages of clients within the server's bounds.
 *
 * @module
 */
import { type Coding, inflate, statedLength } from "../base/gzip.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { InflightBudget, Reservation } from "./inflight_budget.ts";

/** An inflated message. */
export interface Inflated {
  readonly message: Uint8Array;
  /** Memory for it and for the compressed message; the caller releases it. */
  readonly reservation: Reservation;
}

/** The first guess for what deflate data, which does not state its length, inflates to; each further one is four times the last. */
const GUESS_BYTES_MIN = 65_536;
const GUESSED_RATIO = 8;
const GUESS_GROWTH = 4;

/**
 * Inflates a message within its bound. Waits for memory: for the length that a gzip message states, so that one that lies costs no
 * more than it has claimed, or for a guess, which grows while it is too short.
 *
 * @param options.reservation of the compressed message. It is released first: calls that each hold some memory and wait for more
 * could wait for each other for ever.
 * @throws {ServingError} RESOURCE_EXHAUSTED if it is too long inflated; INTERNAL if it is not compressed so.
 */
export async function inflateMessage(
  message: Uint8Array,
  options: {
    coding: Coding;
    messageBytesMax: number;
    budget: InflightBudget;
    reservation: Reservation | undefined;
  },
): Promise<Inflated> {
  const { coding, messageBytesMax, budget } = options;
  let bytes = statedLength(message);
  if (coding === "deflate") {
    bytes = Math.min(messageBytesMax, Math.max(GUESS_BYTES_MIN, message.length * GUESSED_RATIO));
  }
  if (bytes > messageBytesMax) throw tooLong(`${bytes} vs. ${messageBytesMax}`);
  options.reservation?.release();
  for (;;) {
    const reservation = await budget.granted(message.length + bytes);
    try {
      return { message: await inflate(message, bytes, coding), reservation };
    } catch (error) {
      reservation.release();
      if (coding === "gzip" || !(error instanceof RangeError)) {
        throw new ServingError(CODE.INTERNAL, `A message is marked as ${coding} and cannot be inflated`, {
          cause: error,
        });
      }
    }
    if (bytes === messageBytesMax) throw tooLong(`more than ${messageBytesMax}`);
    bytes = Math.min(messageBytesMax, bytes * GUESS_GROWTH);
  }
}

function tooLong(lengths: string): ServingError {
  return new ServingError(CODE.RESOURCE_EXHAUSTED, `Received message larger than max after decompression (${lengths})`);
}
