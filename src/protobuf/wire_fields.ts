/**
 * Splits a small message into its fields, for messages too rare to deserve a reader of their own. Knows field types, not messages.
 *
 * @module
 */
import { joinParts } from "../base/bytes.ts";
import { CODE, ServingError } from "../base/status.ts";
import { WIRE, WireReader } from "./wire_reader.ts";

/** More fields than any such message has. In memory a field takes many times its two bytes on the wire. */
const FIELDS_MAX = 1 << 16;

/**
 * The fields of one message. An absent field has proto3's default; the last of several values counts, and sub-messages are merged.
 * Every method throws a {@link ServingError}: INVALID_ARGUMENT if the bytes are not protobuf, RESOURCE_EXHAUSTED for too many fields.
 */
export class WireFields {
  readonly #numbers = new Map<number, number>();
  readonly #views = new Map<number, Uint8Array[]>();

  /** @param message borrowed by the returned views. */
  constructor(message: Uint8Array) {
    const reader = new WireReader(message);
    for (let fields = 0; reader.position < reader.limit; fields++) {
      if (fields === FIELDS_MAX) {
        throw new ServingError(CODE.RESOURCE_EXHAUSTED, `The message has more than ${FIELDS_MAX} fields`);
      }
      const tag = reader.readTag();
      const wireType = tag & 7;
      if (wireType === WIRE.VARINT) this.#numbers.set(tag >>> 3, reader.readInt64AsNumber());
      else if (wireType === WIRE.LENGTH) this.#viewsOf(tag >>> 3).push(reader.readView());
      else reader.skip(tag);
    }
  }

  /** A whole number or an enum, signed; inexact beyond 2^53. */
  number(field: number): number {
    return this.#numbers.get(field) ?? 0;
  }

  /** A string. */
  text(field: number): string {
    return readText(this.#views.get(field)?.at(-1));
  }

  /** A repeated string. */
  texts(field: number): string[] {
    return (this.#views.get(field) ?? []).map(readText);
  }

  /** The bytes of a sub-message; undefined if it is absent. */
  view(field: number): Uint8Array | undefined {
    const views = this.#views.get(field);
    // Concatenating the bytes of messages merges them.
    return views === undefined || views.length === 1 ? views?.[0] : joinParts(views);
  }

  /** A repeated bytes field, or the bytes of a repeated sub-message. */
  views(field: number): readonly Uint8Array[] {
    return this.#views.get(field) ?? [];
  }

  /** The fields of a sub-message; none if it is absent. */
  message(field: number): WireFields {
    return new WireFields(this.view(field) ?? new Uint8Array(0));
  }

  /** A repeated sub-message. */
  messages(field: number): WireFields[] {
    return (this.#views.get(field) ?? []).map((view) => new WireFields(view));
  }

  /** A map from strings to messages. */
  map(field: number): Map<string, WireFields> {
    return new Map(this.messages(field).map((entry) => [entry.text(1), entry.message(2)]));
  }

  #viewsOf(field: number): Uint8Array[] {
    let views = this.#views.get(field);
    if (views === undefined) this.#views.set(field, views = []);
    return views;
  }
}

function readText(view: Uint8Array | undefined): string {
  return view === undefined ? "" : new WireReader(view).readText(view.length);
}
