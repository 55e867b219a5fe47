/**
 * A real Prometheus that scrapes the servers of a test.
 *
 * @module
 */
import { until } from "../../support/until.ts";

/** What it scrapes and evaluates. */
export interface PrometheusOptions {
  /** Addresses of pages of metrics: `127.0.0.1:40123`. */
  readonly targets: readonly string[];
  /** A file with rules. */
  readonly rulesPath: string;
}

/** One series of an answer. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A rule, as Prometheus' API reports it. */
export interface Rule {
  readonly name: string;
  readonly query: string;
  readonly health: "ok" | "err" | "unknown";
  readonly lastError?: string;
}

/** The scrape interval: `rate` needs two scrapes, and tests wait for them. */
const INTERVAL = "200ms";
const LISTENING_REGEXP = /msg="Listening on".* address=(\S+)/;

/** A running Prometheus. Disposing it stops it and removes its folder. */
export class Prometheus implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly #address: string;
  readonly #rest: Promise<unknown>;

  private constructor(parts: { process: Deno.ChildProcess; folder: string; address: string; rest: Promise<unknown> }) {
    this.#process = parts.process;
    this.#folder = parts.folder;
    this.#address = parts.address;
    this.#rest = parts.rest;
  }

  /** Starts the program at a path on a free port. */
  static async start(program: string, { targets, rulesPath }: PrometheusOptions): Promise<Prometheus> {
    const folder = await Deno.makeTempDir();
    const config = {
      global: { "scrape_interval": INTERVAL, "evaluation_interval": INTERVAL },
      "rule_files": [rulesPath],
      "scrape_configs": [{ "job_name": "ovserve", "static_configs": [{ targets }] }],
    };
    // JSON is YAML too.
    await Deno.writeTextFile(`${folder}/prometheus.yaml`, JSON.stringify(config));
    const args = [
      `--config.file=${folder}/prometheus.yaml`,
      `--storage.tsdb.path=${folder}/data`,
      "--web.listen-address=127.0.0.1:0",
    ];
    const command = new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "piped" });
    const process = command.spawn();
    const { address, rest } = await addressIn(process.stderr);
    return new Prometheus({ process, folder, address, rest });
  }

  /**
   * Evaluates an expression for now.
   *
   * @throws {Error} with Prometheus' sentence when the expression is not valid.
   */
  async query(expression: string): Promise<readonly Sample[]> {
    const { result } = await this.#get(`query?${new URLSearchParams({ query: expression })}`);
    return (result as { metric: Record<string, string>; value: [number, string] }[]).map(({ metric, value }) => {
      return { labels: metric, value: Number(value[1]) };
    });
  }

  /** Waits until an expression has a series. */
  async until(expression: string): Promise<void> {
    await until(`Prometheus answers ${expression}`, async () => (await this.query(expression)).length > 0);
  }

  /** The values a label has in the series of a metric. */
  async labelValues(metric: string, label: string): Promise<readonly string[]> {
    return await this.#get(
      `label/${label}/values?${new URLSearchParams({ "match[]": metric })}`,
    ) as unknown as string[];
  }

  /** The rules, when each was evaluated. */
  async rules(): Promise<readonly Rule[]> {
    let rules: readonly Rule[] = [];
    await until("every rule is evaluated", async () => {
      const { groups } = await this.#get("rules");
      rules = (groups as { rules: Rule[] }[]).flatMap((group) => group.rules);
      return rules.every(({ health }) => health !== "unknown");
    });
    return rules;
  }

  async #get(path: string): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`http://${this.#address}/api/v1/${path}`);
    const { status, data, error } = await response.json();
    if (status !== "success") throw new Error(`${path}: ${error}`);
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await this.#rest;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Finds the address in the log. The rest of the log is read too, so that Prometheus does not block. */
async function addressIn(stderr: ReadableStream<Uint8Array>): Promise<{ address: string; rest: Promise<unknown> }> {
  let text = "";
  const reader = stderr.pipeThrough(new TextDecoderStream()).getReader();
  while (true) {
    const { value, done } = await reader.read();
    text += value ?? "";
    const [, address] = LISTENING_REGEXP.exec(text) ?? [];
    if (address !== undefined) return { address, rest: drain(reader) };
    if (done) throw new Error(`Prometheus ended before it listened:\n${text}`);
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
