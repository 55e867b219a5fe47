/**
 * The program as users run it: a process of its own, from source or compiled, on a free port.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-ffi", "--allow-env", "--allow-sys"];

/**
 * Registers a test that the executable cannot pass, for a reason that stands beside the call. Runs of the executable leave it out: it
 * is about the program from source.
 */
export function testSource(name: string, options: { readonly ignore: boolean }, fn: () => Promise<void>): void {
  if (!Deno.env.has("OVSERVE_BINARY")) Deno.test(name, options, fn);
}

/** How a run of the program ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to start the program. */
export interface StartOptions {
  /** A program with arguments that prepares something and then becomes the command that follows. */
  readonly through?: readonly string[];
  /** Permissions of the executable that `deno task ovserve` does not have. */
  readonly permissions?: readonly string[];
  /** Whether to wait only until the server listens, not until its models are loaded. */
  readonly isStarting?: boolean;
}

/**
 * The program with arguments: the executable that `OVSERVE_BINARY` names, or else from source.
 */
function command(args: readonly string[], { through = [], permissions = [] }: StartOptions = {}): Deno.Command {
  const binary = Deno.env.get("OVSERVE_BINARY");
  const own = binary === undefined ? [Deno.execPath(), "run", ...PERMISSIONS, ...permissions, "main.ts"] : [binary];
  const [program = "", ...rest] = [...through, ...own, ...args];
  return new Deno.Command(program, { args: rest, stdin: "null", stdout: "piped", stderr: "piped", cwd: ROOT });
}

/** Runs the program to its end. */
export async function runProgram(args: readonly string[], options: StartOptions = {}): Promise<Outcome> {
  const { code, stdout, stderr } = await command(args, options).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** A line of the log. */
export type LogEvent = Readonly<Record<string, unknown>>;

/** A running server. Disposing it sends SIGTERM and waits for its end. */
export class Server implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #lines: string[] = [];
  readonly #events: LogEvent[] = [];
  #hasEnded = false;
  #news = Promise.withResolvers<void>();
  #address = "";

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#ended = Promise.all([this.#readLog(), process.stdout.cancel(), process.status]);
  }

  /**
   * Starts `ovserve` with these arguments on a free port, and waits until it serves, or listens.
   */
  static async start(args: readonly string[], options: StartOptions = {}): Promise<Server> {
    const all = [...args, "--grpc_bind_address", "127.0.0.1", "--port", "0"];
    const server = new Server(command(all, options).spawn());
    const { grpc } = await server.event(options.isStarting === true ? "server listening" : "server started");
    server.#address = grpc as string;
    return server;
  }

  /** Where gRPC listens: `127.0.0.1:40123`. */
  get address(): string {
    return this.#address;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Everything logged so far. */
  get log(): string {
    return this.#lines.join("\n");
  }

  /** The first event of a name, past or future, for which a condition holds. Rejects when the server ends without it. */
  async event(name: string, holds: (event: LogEvent) => boolean = () => true): Promise<LogEvent> {
    let event: LogEvent | undefined;
    await this.until(() => {
      event = this.#events.find((candidate) => candidate.event === name && holds(candidate));
      return event !== undefined;
    }, name);
    return event as LogEvent;
  }

  /** Resolves when the log fulfils a condition. Rejects when the server ends first; `what` names the condition in the error. */
  async until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      if (this.#hasEnded) throw new Error(`The server ended without "${what}":\n${this.log}`);
      await this.#news.promise;
    }
  }

  /** All events so far, or those of a name. */
  events(name?: string): readonly LogEvent[] {
    return name === undefined ? this.#events : this.#events.filter(({ event }) => event === name);
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Deno.CommandStatus> {
    if (!this.#hasEnded) this.#process.kill(signal);
    await this.#ended;
    return await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #readLog(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#add(line);
      this.#tell();
    }
    if (rest !== "") this.#add(rest);
    this.#hasEnded = true;
    this.#tell();
  }

  #add(line: string): void {
    this.#lines.push(line);
    try {
      this.#events.push(JSON.parse(line));
    } catch {
      // A sentence for people, which is in the log but no event.
    }
  }

  #tell(): void {
    const { resolve } = this.#news;
    this.#news = Promise.withResolvers();
    resolve();
  }
}
