/**
 * A stream of `@grpc/grpc-js` with messages as bytes, for streaming methods.
 *
 * @module
 */
import * as grpc from "@grpc/grpc-js";

/** How a call ended. */
export interface StreamEnd {
  readonly code: number;
  readonly details: string;
}

/** One call with any number of messages either way. */
export class RawStream implements Disposable {
  readonly #client: grpc.Client;
  readonly #call: grpc.ClientDuplexStream<Uint8Array, Buffer>;
  readonly #messages: Buffer[] = [];
  #news = Promise.withResolvers<void>();
  /** Resolves when the call is over. */
  readonly ended: Promise<StreamEnd>;

  constructor(address: string, path: string, options: grpc.ClientOptions = {}) {
    this.#client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
    this.#call = this.#client.makeBidiStreamRequest(path, (bytes: Uint8Array) => Buffer.from(bytes), (bytes) => bytes);
    this.#call.on("data", (message: Buffer) => {
      this.#messages.push(message);
      this.#news.resolve();
    });
    // The status event reports errors too.
    this.#call.on("error", () => {});
    const { promise, resolve } = Promise.withResolvers<StreamEnd>();
    this.ended = promise;
    this.#call.on("status", ({ code, details }: grpc.StatusObject) => {
      resolve({ code, details });
      this.#news.resolve();
    });
  }

  /** Sends a message. */
  send(message: Uint8Array): void {
    this.#call.write(message);
  }

  /** Stops reading messages, which holds the server back once the stream's window is full. */
  pause(): void {
    this.#call.pause();
  }

  /** Reads messages again. */
  resume(): void {
    this.#call.resume();
  }

  /** Ends the client's side. */
  end(): void {
    this.#call.end();
  }

  /** Cancels the call. */
  cancel(): void {
    this.#call.cancel();
  }

  /** The next message. Fails if the call ends without one. */
  async next(): Promise<Buffer> {
    while (true) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      const end = await Promise.race([this.ended, this.#news.promise]);
      this.#news = Promise.withResolvers<void>();
      if (end !== undefined && this.#messages.length === 0) throw new Error(`The call is over: ${JSON.stringify(end)}`);
    }
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
    this.#client.close();
  }
}
