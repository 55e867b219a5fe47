/**
 * Inflates compressed messages of clients within the server's bounds.
 *
 * @module
 */
import { inflate, statedLength } from "../base/gzip.ts";
import { CODE, ServingError } from "../base/status.ts";
import type { InflightBudget, Reservation } from "./inflight_budget.ts";

/** An inflated message. */
export interface Inflated {
  readonly message: Uint8Array;
  /** Memory for it and for the compressed message; the caller releases it. */
  readonly reservation: Reservation;
}

/**
 * Inflates a message to exactly the length it states, so that one that lies costs no more than it has claimed. Waits for memory.
 *
 * @param options.reservation of the compressed message. It is released first: calls that each hold some memory and wait for more
 * could wait for each other for ever.
 * @throws {ServingError} RESOURCE_EXHAUSTED if it is too long inflated; INTERNAL if it is not gzip.
 */
export async function inflateMessage(
  message: Uint8Array,
  options: { messageBytesMax: number; budget: InflightBudget; reservation: Reservation | undefined },
): Promise<Inflated> {
  const { messageBytesMax, budget } = options;
  const bytes = statedLength(message);
  if (bytes > messageBytesMax) {
    throw new ServingError(
      CODE.RESOURCE_EXHAUSTED,
      `Received message larger than max after decompression (${bytes} vs. ${messageBytesMax})`,
    );
  }
  options.reservation?.release();
  const reservation = await budget.granted(message.length + bytes);
  try {
    return { message: await inflate(message, bytes), reservation };
  } catch (error) {
    reservation.release();
    throw new ServingError(CODE.INTERNAL, "A message is marked as gzip and cannot be inflated", { cause: error });
  }
}
