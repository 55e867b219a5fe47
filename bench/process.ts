/**
 * A server under load: started on a port of its own, watched through /proc, ended by its id.
 *
 * @module
 */

/** How a server is started; `{port}` in its arguments becomes the port. */
export interface Contender {
  readonly label: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Started anew for each round, since it does not outlive its clients' leaving; its CPU time cannot be told then. */
  readonly isShortLived?: boolean;
}

const START_TIMEOUT_MS = 180_000;
const TICKS_PER_SECOND = 100;

/** A started contender. */
export class Running implements AsyncDisposable {
  readonly label: string;
  readonly port: number;
  readonly #process: Deno.ChildProcess;

  private constructor(label: string, parts: { port: number; process: Deno.ChildProcess }) {
    this.label = label;
    this.port = parts.port;
    this.#process = parts.process;
  }

  /** Starts a contender and waits until it listens. */
  static async start({ label, command, args }: Contender): Promise<Running> {
    const port = freePort();
    const process = new Deno.Command(command, {
      args: args.map((arg) => arg.replace("{port}", String(port))),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const running = new Running(label, { port, process });
    await running.#untilListening();
    return running;
  }

  /** CPU time of the process and its threads so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    const stat = await this.#proc("stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** The most memory it has taken, in MB. */
  async peakMb(): Promise<number> {
    return Number(/VmHWM:\s+(\d+)/.exec(await this.#proc("status"))?.[1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
  }

  async #untilListening(): Promise<void> {
    let hasEnded = false;
    this.#process.status.then(() => hasEnded = true);
    for (const end = Date.now() + START_TIMEOUT_MS; Date.now() < end;) {
      if (hasEnded) throw new Error(`${this.label} ended before it listened`);
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    throw new Error(`${this.label} does not listen after ${START_TIMEOUT_MS / 1000} s`);
  }

  async #proc(file: string): Promise<string> {
    // Deno itself reads /proc only when everything is allowed.
    const { stdout } = await new Deno.Command("cat", { args: [`/proc/${this.#process.pid}/${file}`] }).output();
    return new TextDecoder().decode(stdout);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
