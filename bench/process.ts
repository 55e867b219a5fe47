/**
 * A server process of the benchmark: started on a free port, measured through /proc, ended by its id.
 *
 * @module
 */

/** A command; `{port}` in its arguments becomes the port. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Memory of a process in MB. */
export interface Memory {
  readonly residentMb: number;
  readonly peakMb: number;
}

const START_TIMEOUT_MS = 180_000;
const CONNECT_PAUSE_MS = 5;
const END_TIMEOUT_MS = 30_000;
const TICKS_PER_SECOND = 100;
/** Length of the log's tail that is kept. */
const LOG_CHARS = 8000;

/** A listening server. */
export class Process implements AsyncDisposable {
  static readonly #all = new Set<Process>();
  readonly port: number;
  readonly #process: Deno.ChildProcess;
  readonly #logRead: Promise<void>;
  #log = "";

  private constructor(parts: { port: number; process: Deno.ChildProcess }) {
    this.port = parts.port;
    this.#process = parts.process;
    this.#logRead = this.#readLog();
    Process.#all.add(this);
  }

  /** Sends SIGTERM to all running processes, for a benchmark that is interrupted. */
  static endAll(): void {
    for (const process of Process.#all) process.#kill("SIGTERM");
  }

  /**
   * Starts a program and waits until it listens.
   *
   * @throws when it ends first, with the tail of its log, or takes three minutes.
   */
  static async start({ command, args, env = {} }: Program): Promise<Process> {
    const port = freePort();
    const process = new Deno.Command(command, {
      args: args.map((arg) => arg.replace("{port}", String(port))),
      env: { ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    await using stack = new AsyncDisposableStack();
    const started = stack.use(new Process({ port, process }));
    await started.#untilListening(command);
    stack.move();
    return started;
  }

  /** The tail of its standard error. */
  get log(): string {
    return this.#log;
  }

  /** CPU time of the process and its threads so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    const stat = await this.#proc("stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Current and peak memory. */
  async memory(): Promise<Memory> {
    const status = await this.#proc("status");
    const megabytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
    return { residentMb: megabytes("VmRSS"), peakMb: megabytes("VmHWM") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), END_TIMEOUT_MS);
    await this.#process.status;
    clearTimeout(timer);
    await this.#logRead;
    Process.#all.delete(this);
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch {
      // It has already ended.
    }
  }

  async #untilListening(command: string): Promise<void> {
    let hasEnded = false;
    void this.#process.status.then(() => hasEnded = true);
    for (const end = performance.now() + START_TIMEOUT_MS; performance.now() < end;) {
      if (hasEnded) {
        await this.#logRead;
        throw new Error(`${command} ended before it listened:\n${this.#log}`);
      }
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
      }
    }
    throw new Error(`${command} does not listen after ${START_TIMEOUT_MS / 1000} s`);
  }

  async #readLog(): Promise<void> {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
      this.#log = (this.#log + text).slice(-LOG_CHARS);
    }
  }

  async #proc(file: string): Promise<string> {
    // Deno reads /proc only with all permissions.
    const { stdout } = await new Deno.Command("cat", { args: [`/proc/${this.#process.pid}/${file}`] }).output();
    return new TextDecoder().decode(stdout);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
