/**
 * The server for clients of other implementations: the gRPC server of src/grpc with the methods of `interop.proto`.
 *
 * @module
 */
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { CODE, type Code, type CodeName, ServingError } from "../../../src/base/status.ts";
import type { Method, ServerCall } from "../../../src/grpc/call.ts";
import { type Endpoint, GrpcServer } from "../../../src/grpc/server.ts";
import type { Http2Limits } from "../../../src/http2/limits.ts";
import { testLimits } from "../../../src/http2/testing/limits.ts";

const PROTO = fileURLToPath(new URL("./interop.proto", import.meta.url));
const SERVICE = loadSync(PROTO, { defaults: true })["ovserve.interop.Interop"] as ServiceDefinition;

/** The longest message it accepts. Clients send a longer one. */
const MESSAGE_BYTES_MAX = 24 << 20;
const SHUTDOWN_GRACE_MS = 20_000;

/** A call of `Wait`, arrived or expected. */
interface Waiting {
  readonly arrived: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
  readonly answered: PromiseWithResolvers<void>;
  readonly cancelled: PromiseWithResolvers<ServingError>;
}

/** A server that runs until it is disposed, across restarts. */
export class InteropServer implements AsyncDisposable {
  readonly #endpoint: Endpoint;
  readonly #limits: Http2Limits;
  readonly #waiting = new Map<string, Waiting>();
  readonly #leaving: Promise<void>[] = [];
  #server: GrpcServer;

  /** Starts it; the system chooses a port for port 0. */
  constructor(endpoint: Endpoint, limits: Partial<Http2Limits> = {}) {
    this.#limits = testLimits(limits);
    const { server, address } = this.#start(endpoint);
    this.#server = server;
    this.#endpoint = "hostname" in address ? { ...endpoint, port: address.port } : endpoint;
  }

  /** Its address in the notation of gRPC clients: `127.0.0.1:40123`, `[::1]:40123`, `unix:/tmp/x.sock`. */
  get target(): string {
    if ("path" in this.#endpoint) return `unix:${this.#endpoint.path}`;
    const { hostname, port } = this.#endpoint;
    return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  }

  /** Open connections, without those of the servers before a restart. */
  get connectionCount(): number {
    return this.#server.connectionCount;
  }

  /** How often it was restarted. */
  get restartCount(): number {
    return this.#leaving.length;
  }

  /** Releases one call of `Wait`, or all that have arrived. */
  release(name?: string): void {
    for (const key of name === undefined ? this.#waiting.keys() : [name]) this.#call(key).released.resolve();
  }

  /** Resolves once a call of `Wait` has arrived. */
  arrived(name: string): Promise<void> {
    return this.#call(name).arrived.promise;
  }

  /** Resolves once the reply to a call of `Wait` is sent, whether or not the client reads it. */
  answered(name: string): Promise<void> {
    return this.#call(name).answered.promise;
  }

  /** Resolves with the reason once a call of `Wait` is cancelled. */
  cancelled(name: string): Promise<ServingError> {
    return this.#call(name).cancelled.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await Promise.all([...this.#leaving, this.#server.shutdown(SHUTDOWN_GRACE_MS)]);
  }

  #start(endpoint: Endpoint): { server: GrpcServer; address: Deno.Addr } {
    const server = new GrpcServer(this.#methods(), {
      http2: this.#limits,
      configAccess: "all",
      connectionsMax: 100,
      messageBytesMax: MESSAGE_BYTES_MAX,
      inflightBytesMax: 256 << 20,
      onFault: () => {},
    });
    const address = server.listen(endpoint);
    server.accept();
    return { server, address };
  }

  #methods(): Method[] {
    return [
      method<Uint8Array>("Echo", (bytes, call) => answer(call, bytes)),
      method<Uint8Array>("Describe", (_, call) => answer(call, describe(call))),
      method<string>("Fail", (text) => fail(text)),
      method<string>("Wait", (text, call) => this.#wait(text, call)),
      method<string>("Arrived", async (name, call) => {
        await this.arrived(name);
        answer(call, EMPTY);
      }),
      method<string>("Release", (name, call) => {
        this.release(name);
        answer(call, EMPTY);
      }),
      method<string>("Cancelled", async (name, call) => answer(call, codeName((await this.cancelled(name)).code))),
      method<Uint8Array>("Restart", async (_, call) => {
        await this.#restart();
        answer(call, EMPTY);
      }),
    ];
  }

  async #restart(): Promise<void> {
    this.#leaving.push(this.#server.shutdown(SHUTDOWN_GRACE_MS));
    await this.#server.portsFree();
    this.#server = this.#start(this.#endpoint).server;
  }

  async #wait(text: string, call: ServerCall): Promise<void> {
    const [name = "", bytes = "0"] = text.split(" ");
    const { arrived, released, answered, cancelled } = this.#call(name);
    call.signal.addEventListener("abort", () => cancelled.resolve(call.signal.reason));
    arrived.resolve();
    await Promise.race([released.promise, cancelled.promise]);
    if (call.signal.aborted) return;
    answer(call, new Uint8Array(Number(bytes)));
    answered.resolve();
  }

  #call(name: string): Waiting {
    let waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      waiting = {
        arrived: Promise.withResolvers(),
        released: Promise.withResolvers(),
        answered: Promise.withResolvers(),
        cancelled: Promise.withResolvers(),
      };
      this.#waiting.set(name, waiting);
    }
    return waiting;
  }
}

const EMPTY = new Uint8Array();

/** A method of `interop.proto` that passes the wrapped value of its request to `handle`. */
function method<Value>(name: string, handle: (value: Value, call: ServerCall) => void | Promise<void>): Method {
  const { path, requestDeserialize } = definition(name);
  return {
    path,
    handle: (message, call) =>
      handle(requestDeserialize(Buffer.from(message.buffer, message.byteOffset, message.length)).value as Value, call),
  };
}

function answer(call: ServerCall, value: Uint8Array | string): void {
  const name = call.head.path.slice(call.head.path.lastIndexOf("/") + 1);
  call.reply([definition(name).responseSerialize({ value })]);
}

function definition(name: string): ServiceDefinition[string] {
  const found = SERVICE[name];
  if (found === undefined) throw new Error(`interop.proto has no method ${name}`);
  return found;
}

function describe({ head }: ServerCall): string {
  const lines = head.metadata.map(({ name, value }) =>
    `${name}: ${name.endsWith("-bin") ? Buffer.from(value, "base64").toString("hex") : value}`
  );
  return [...lines, `compressed reply: ${head.replyEncoding !== "identity"}`].join("\n");
}

function fail(text: string): never {
  const [, code, sentence = ""] = /^(\d+) (.*)$/s.exec(text) ?? [];
  throw new ServingError(Number(code) as Code, sentence);
}

function codeName(code: Code): CodeName {
  const [name] = (Object.entries(CODE) as [CodeName, Code][]).find((entry) => entry[1] === code) ?? ["UNKNOWN"];
  return name as CodeName;
}
