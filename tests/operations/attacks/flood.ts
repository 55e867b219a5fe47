/**
 * A hostile client, as a program of its own: sends frames of one kind without a pause until it is killed. A connection that the server
 * ends is opened again. Prints a line for each connection that has sent its first frames.
 *
 * Arguments: the server's address, a name of {@link FLOODS}, the number of connections.
 *
 * @module
 */
import { joinParts } from "../../../src/base/bytes.ts";
import { FLAG, FRAME, FRAME_HEADER_BYTES, PREFACE, readUint24, SETTING } from "../../../src/http2/frames.ts";
import {
  dataFrame,
  frame,
  headersFrame,
  requestFields,
  settingsFrame,
  uint32Frame,
} from "../../../src/http2/testing/test_peer.ts";

/** Requests or frames in one write. */
const FRAMES = 2000;
/** The id of the first stream in them. */
const FIRST_ID = 2001;

const CALL_FIELDS = requestFields({ name: "content-type", value: "application/grpc" }, {
  name: "te",
  value: "trailers",
})
  .map((field) => field.name === ":path" ? { ...field, value: "/grpc.health.v1.Health/Check" } : field);
const WATCH_FIELDS = CALL_FIELDS
  .map((field) => field.name === ":path" ? { ...field, value: "/grpc.health.v1.Health/Watch" } : field);

/** Opens stream 1, and begins a message of 16 MiB. */
const OPEN_CALL = joinParts([
  headersFrame(1, { fields: CALL_FIELDS }),
  dataFrame(1, Uint8Array.of(0, 1, 0, 0, 0)),
]);

/** A flood: what is sent first, and frames to send with the id of a new stream. */
interface Flood {
  readonly first?: Uint8Array;
  next(id: number): Uint8Array;
}

const FLOODS: Readonly<Record<string, Flood>> = {
  "requests": {
    next: (id) => joinParts([headersFrame(id, { fields: CALL_FIELDS }), dataFrame(id, new Uint8Array(5), true)]),
  },
  "failing requests": { next: (id) => headersFrame(id, { endStream: true }) },
  "1-byte DATA": { first: OPEN_CALL, next: () => dataFrame(1, new Uint8Array(1)) },
  "empty DATA": { first: OPEN_CALL, next: () => dataFrame(1, new Uint8Array(0)) },
  "PING": { next: () => frame(FRAME.PING, 0, { payload: new Uint8Array(8) }) },
  "PING between DATA": {
    first: OPEN_CALL,
    next: () => joinParts([dataFrame(1, new Uint8Array(1)), frame(FRAME.PING, 0, { payload: new Uint8Array(8) })]),
  },
  "SETTINGS": {
    first: joinParts(Array.from({ length: 990 }, (_, i) => headersFrame(2 * i + 1, { fields: CALL_FIELDS }))),
    next: () => settingsFrame(...Array.from({ length: 64 }, (_, i) => [SETTING.INITIAL_WINDOW_SIZE, i] as const)),
  },
  "WINDOW_UPDATE": { first: OPEN_CALL, next: () => uint32Frame(FRAME.WINDOW_UPDATE, 0, 1) },
  "RST_STREAM": {
    next: (id) => joinParts([headersFrame(id, { fields: CALL_FIELDS }), uint32Frame(FRAME.RST_STREAM, id, 8)]),
  },
  "CONTINUATION": {
    next: (id) =>
      joinParts([
        headersFrame(id, { fields: CALL_FIELDS, endHeaders: false }),
        ...Array.from({ length: 30 }, () => frame(FRAME.CONTINUATION, id, { payload: new Uint8Array(0) })),
        frame(FRAME.CONTINUATION, id, { flags: FLAG.END_HEADERS }),
        uint32Frame(FRAME.RST_STREAM, id, 8),
      ]),
  },
  "Watch calls": {
    next: (id) => joinParts([headersFrame(id, { fields: WATCH_FIELDS }), dataFrame(id, new Uint8Array(5), true)]),
  },
};

async function flood(address: URL, { first = new Uint8Array(0), next }: Flood, onSent: () => void): Promise<void> {
  using connection = await Deno.connect({ hostname: address.hostname, port: Number(address.port) });
  const read = discard(connection);
  const writer = connection.writable.getWriter();
  try {
    await writer.write(joinParts([PREFACE, settingsFrame(), first]));
    for (let id = FIRST_ID;; id += 2 * FRAMES) {
      await writer.write(batch(next, id));
      onSent();
    }
  } catch {
    // The server has ended the connection.
  }
  await read;
}

/** The frames of each flood, made once: only their stream ids change. */
const batches = new Map<Flood["next"], Uint8Array>();

function batch(next: Flood["next"], firstId: number): Uint8Array {
  const known = batches.get(next);
  if (known === undefined) {
    batches.set(next, joinParts(Array.from({ length: FRAMES }, (_, i) => next(FIRST_ID + 2 * i))));
    return batch(next, firstId);
  }
  const bytes = known.slice();
  const view = new DataView(bytes.buffer);
  const shift = firstId - FIRST_ID;
  for (let at = 0; at < bytes.length; at += FRAME_HEADER_BYTES + readUint24(bytes, at)) {
    const id = view.getUint32(at + 5);
    if (id >= FIRST_ID) view.setUint32(at + 5, id + shift);
  }
  return bytes;
}

async function discard(connection: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(65_536);
  try {
    while (await connection.read(bytes) !== null);
  } catch {
    // As above.
  }
}

async function floodForEver(address: URL, kind: Flood): Promise<void> {
  // deno-lint-ignore no-console
  let onSent = (): void => console.log("flooding");
  for (;;) {
    await flood(address, kind, () => {
      onSent();
      onSent = () => {};
    });
  }
}

if (import.meta.main) {
  const [address, name = "", connections = "1"] = Deno.args;
  const kind = FLOODS[name];
  if (kind === undefined) throw new Error(`There is no flood "${name}"`);
  for (let i = 0; i < Number(connections); i++) floodForEver(new URL(`http://${address}`), kind);
}
