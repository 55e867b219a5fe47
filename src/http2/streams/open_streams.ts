/**
 * The open streams of one connection, by their ids.
 *
 * @module
 */
import type { Stream } from "./stream.ts";

const SLOTS_MIN = 32;

/**
 * A hash table with open addressing. A `Map` would burden the garbage collector: it moves to a new table after some deletions, and the
 * old table points to the new one. Once one table is in the old generation, all later ones stay alive until the next full collection,
 * with every stream in them.
 */
export class OpenStreams {
  /** A power of two in number, at most half full. Client ids are odd and grow, so neighbours take neighbouring slots. */
  #slots: (Stream | undefined)[] = emptySlots(SLOTS_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | undefined {
    return this.#slots[this.#slotOf(id)];
  }

  /** Adds a stream with a new id. */
  add(stream: Stream): void {
    if (++this.#size * 2 > this.#slots.length) this.#grow();
    this.#slots[this.#slotOf(stream.id)] = stream;
  }

  /** Removes a stream if it is there. */
  delete(stream: Stream): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = this.#slotOf(stream.id);
    if (slots[gap] === undefined) return;
    this.#size--;
    // Streams behind the gap that probing had moved past it move back into it.
    for (let at = (gap + 1) & mask;; at = (at + 1) & mask) {
      const next = slots[at];
      if (next === undefined) break;
      if (((at - homeOf(next.id)) & mask) < ((at - gap) & mask)) continue;
      slots[gap] = next;
      gap = at;
    }
    slots[gap] = undefined;
  }

  /** A copy of the set of streams, in no particular order. */
  all(): Stream[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  /** The slot where a stream is, or would be. */
  #slotOf(id: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = homeOf(id) & mask;
    for (let stream = slots[at]; stream !== undefined && stream.id !== id; stream = slots[at]) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const streams = this.all();
    this.#slots = emptySlots(this.#slots.length * 2);
    for (const stream of streams) this.#slots[this.#slotOf(stream.id)] = stream;
  }
}

function homeOf(id: number): number {
  return id >>> 1;
}

function emptySlots(count: number): (Stream | undefined)[] {
  return new Array(count).fill(undefined);
}
