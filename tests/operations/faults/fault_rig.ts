/**
 * A server whose one model must keep answering whatever happens to the files of its versions, with what fault tests need: its folder,
 * its states, its log, and a way to wait for polls.
 *
 * @module
 */
import { askHalf, SteadyLoad, versionOf } from "../../support/steady_load.ts";
import { type Message, PredictionClient } from "../../support/prediction_client.ts";
import { type ModelChanges, Scratch } from "../../support/scratch.ts";
import { type LogEvent, Server } from "../../support/server.ts";

/** The model under load. */
const NAME = "half";
/** A model whose new versions show that polls have passed. */
const CLOCK = "clock";
const MODEL = "half_plus_two";

const LIMIT_MS = 120_000;

/** Options of one fault test. */
export interface FaultRigOptions {
  /** The versions at the start. Default: version 1. */
  readonly versions?: readonly number[];
  /** The model's fields in the configuration file. */
  readonly changes?: ModelChanges;
  readonly pollSeconds?: number;
  /** How long the test may take. Every wait fails afterwards. Default: 120 seconds. */
  readonly limitMs?: number;
  readonly args?: readonly string[];
  /** See `Server.start`. */
  readonly through?: readonly string[];
  /** Prepares the folder before the server starts. */
  readonly prepare?: (scratch: Scratch) => Promise<void>;
}

/** A server, and a client that predicts continuously. */
export class FaultRig implements AsyncDisposable {
  readonly scratch: Scratch;
  readonly server: Server;
  readonly client: PredictionClient;
  readonly load: SteadyLoad;
  readonly #resources: AsyncDisposableStack;
  #clockVersion = 1;

  private constructor(resources: AsyncDisposableStack, { scratch, server }: { scratch: Scratch; server: Server }) {
    this.#resources = resources;
    this.scratch = scratch;
    this.server = server;
    this.client = new PredictionClient(server.address);
    this.load = new SteadyLoad(server.address, NAME);
  }

  /** Starts the server and the load. */
  static async start(options: FaultRigOptions = {}): Promise<FaultRig> {
    await using resources = new AsyncDisposableStack();
    const scratch = resources.use(await Scratch.make());
    for (const version of options.versions ?? [1]) await scratch.addVersion(NAME, { model: MODEL, version });
    await scratch.addVersion(CLOCK, { model: MODEL, version: 1 });
    await options.prepare?.(scratch);
    const config = await scratch.writeConfig({ [NAME]: options.changes ?? {}, [CLOCK]: {} });
    const server = resources.use(
      await Server.start([
        ...["config", "--config_path", config, "--model_config_file_poll_wait_seconds", "0.1"],
        ...["--file_system_poll_wait_seconds", String(options.pollSeconds ?? 0.1)],
        // So that nothing is mended by trying again, unless it is tried again at once.
        ...["--load_retry_interval_micros", "3600000000"],
        ...options.args ?? [],
      ], options),
    );
    const rig = new FaultRig(resources.move(), { scratch, server });
    rig.#limit(options.limitMs ?? LIMIT_MS);
    return rig;
  }

  /** The base path of the model under load. */
  get basePath(): string {
    return `${this.scratch.path}/${NAME}`;
  }

  /** A path in it. */
  path(name: string | number): string {
    return `${this.basePath}/${name}`;
  }

  /** Adds a complete version atomically. */
  async add(version: number): Promise<void> {
    await this.scratch.addVersion(NAME, { model: MODEL, version });
  }

  /** Lays out the files of a version beside the versions, and returns their folder; {@link put} makes a version of it. */
  async prepare(version: number): Promise<string> {
    const shelf = `${this.scratch.path}/shelf`;
    await this.scratch.addVersion("shelf", { model: MODEL, version });
    return `${shelf}/${version}`;
  }

  /** Renames what {@link prepare} laid out into its place. */
  async put(version: number): Promise<void> {
    await Deno.rename(`${this.scratch.path}/shelf/${version}`, this.path(version));
  }

  /** Lets at least four polls pass: a new version needs two, one to be seen and one to be seen unchanged. */
  async polls(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const version = ++this.#clockVersion;
      await this.scratch.addVersion(CLOCK, { model: MODEL, version });
      const isMeant = (event: LogEvent) =>
        event.name === CLOCK && event.version === version && event.state === "available";
      await this.load.during(this.server.event("version state changed", isMeant));
    }
  }

  /** Waits until the log has reported a state of a version `count` times. */
  async state(version: number, state: string, count = 1): Promise<void> {
    const isReached = () => this.told(version).filter((told) => told === state).length >= count;
    await this.#until(isReached, `${version} ${state}`);
  }

  /** Waits until versions of the model have reached a state `count` times in total. */
  async changes(state: string, count: number): Promise<void> {
    const isMeant = (event: LogEvent) => event.name === NAME && event.state === state;
    const isReached = () => this.server.events("version state changed").filter(isMeant).length >= count;
    await this.#until(isReached, `${count} times ${state}`);
  }

  /** Waits for an event about a version, or about the model where there is no version. */
  event(name: string, version?: number): Promise<LogEvent> {
    return this.load.during(
      this.server.event(name, (event) => event.name === NAME && event.version === version),
    );
  }

  /** Waits until the configuration has been reloaded and `count` models are served. */
  async reloaded(count: number): Promise<void> {
    const isMeant = ({ models }: LogEvent) => (models as string[]).length === count;
    await this.load.during(this.server.event("configuration reloaded", isMeant));
  }

  /** Waits until the configuration has been refused `count` times. */
  async refused(count: number): Promise<void> {
    await this.#until(() => this.server.events("configuration refused").length >= count, `${count} refusals`);
  }

  /** All log entries of a version, in order: its states, and the names of other events. */
  told(version: number): string[] {
    return this.#tellings((event) => event.version === version);
  }

  /** All log entries of the model itself. */
  toldOfModel(): string[] {
    return this.#tellings((event) => event.version === undefined && event.path === undefined);
  }

  #limit(ms: number): void {
    const timer = setTimeout(() => {
      this.load.fail(new Error(`What is waited for has not come in ${ms / 1000} seconds:\n${this.server.log}`));
    }, ms);
    this.#resources.defer(() => clearTimeout(timer));
  }

  #until(holds: () => boolean, what: string): Promise<void> {
    return this.load.during(this.server.until(holds, what));
  }

  #tellings(isMeant: (event: LogEvent) => boolean): string[] {
    return this.server.events().filter((event) => event.name === NAME && isMeant(event)).map((event) =>
      String(event.event === "version state changed" ? event.state : event.event)
    );
  }

  /** What GetModelStatus says, the newest version first: `2 AVAILABLE`, `1 END DATA_LOSS: the message`. */
  async states(): Promise<string[]> {
    const { model_version_status: states } = await this.client.call(
      "tensorflow.serving.ModelService",
      "GetModelStatus",
      {
        request: { model_spec: { name: NAME } },
      },
    );
    return (states as Message[]).map(({ version, state, status }) => {
      const { error_code: code, error_message: message } = status as Message;
      return `${version} ${state}${code === "OK" ? "" : ` ${code}`}${message === "" ? "" : `: ${message}`}`;
    });
  }

  /** The version that answers requests without a version. */
  async latest(): Promise<number> {
    return Number(versionOf(await askHalf(this.client, { name: NAME })));
  }

  /** Ends the load after some more requests; fails when any has failed since it began. */
  async finish(): Promise<void> {
    await this.load.more(20);
    await this.load.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.stop().catch(() => {});
    this.client[Symbol.dispose]();
    await this.#resources[Symbol.asyncDispose]();
  }
}
