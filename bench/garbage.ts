// deno-lint-ignore-file no-console -- its output is a table for people
/**
 * What requests leave to the garbage collector: bytes a request, where they are allocated, and what collecting them costs.
 *
 *     deno run --allow-all bench/garbage.ts [8x32|1x1] [CALLS]
 *
 * Inlined functions count where they are inlined; `--v8-flags=--no-turbo-inlining,--no-maglev,--max-inlined-bytecode-size=0` after the
 * arguments tells them apart, and counts some objects that are otherwise never made.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { Request } from "./h2load.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-ffi", "--allow-env", "--allow-sys"];
const SAMPLING_BYTES = 2048;
const SITES_TOLD = 30;

/** A node of Chrome's sampling heap profile (DevTools protocol, HeapProfiler.SamplingHeapProfileNode). */
interface ProfileNode {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly selfSize: number;
  readonly children: readonly ProfileNode[];
}

/** What V8 says of a collection with `--trace-gc-nvp`; times in milliseconds. */
interface Collection {
  readonly gc: string;
  readonly pause: number;
  readonly allocated: number;
  readonly promoted: number;
  readonly "new_space_survived": number;
}

/** A span of time in which a load ran, in milliseconds since the server was started, with its processor time. */
interface Measured {
  readonly fromMs: number;
  readonly toMs: number;
  readonly cpuMs: number;
}

/** The debugger's end of a running server. */
class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    };
  }

  static async connect(port: number): Promise<Inspector> {
    const [target] = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve) => socket.onopen = resolve);
    return new Inspector(socket);
  }

  call<R>(method: string, params: Record<string, unknown> = {}): Promise<R> {
    const id = ++this.#lastId;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => this.#waiting.set(id, (result) => resolve(result as R)));
  }

  close(): void {
    this.#socket.close();
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function cpuMs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Bytes a site, the most first. */
function sitesOf(head: ProfileNode): [site: string, bytes: number][] {
  const sites = new Map<string, number>();
  const add = ({ callFrame, selfSize, children }: ProfileNode): void => {
    const { functionName, url, lineNumber } = callFrame;
    const site = `${functionName || "(nameless)"} ${url.replace(`file://${ROOT}`, "")}:${lineNumber + 1}`;
    sites.set(site, (sites.get(site) ?? 0) + selfSize);
    children.forEach(add);
  };
  add(head);
  return [...sites].sort(([, a], [, b]) => b - a);
}

function tellCollections(log: string, calls: number, { fromMs, toMs, cpuMs }: Measured): void {
  const collections: Collection[] = [];
  for (const [, ms, json = ""] of log.matchAll(/^\[[^\]]*\] +(\d+) ms: GC: (\{.*\})\s*$/gm)) {
    if (Number(ms) >= fromMs && Number(ms) <= toMs) collections.push(JSON.parse(json));
  }
  const sum = (amount: (collection: Collection) => number) =>
    collections.reduce((total, each) => total + amount(each), 0);
  const allocated = sum((each) => each.allocated);
  const survived = sum((each) => each.promoted + each.new_space_survived);
  const scavenges = collections.filter(({ gc }) => gc === "s").length;
  console.table({
    "bytes a request": Math.round(allocated / calls),
    "scavenges in 100,000 requests": Math.round(scavenges / calls * 1e6) / 10,
    "other collections": collections.length - scavenges,
    "survived, %": Math.round(survived / allocated * 1000) / 10,
    "pauses, % of processor time": Math.round(sum((each) => each.pause) / cpuMs * 1000) / 10,
    "processor time a request, µs": Math.round(cpuMs / calls * 1e5) / 100,
  });
}

async function main(): Promise<void> {
  const flags = Deno.args.filter((arg) => arg.startsWith("--v8-flags=")).map((arg) => arg.slice(11));
  const [bundle = "8x32", count = "200000"] = Deno.args.filter((arg) => !arg.startsWith("--"));
  const [connections = 8, streams = 32] = bundle.split("x").map(Number);
  const calls = Number(count);
  const request = new Request({ modelName: "tiny", shape: [1, 1], connections, streams });
  const [port, inspectorPort] = [freePort(), freePort()];
  const model = ["model", "--model_name", "tiny", "--model_path", `${ROOT}models/tiny`];
  const listen = ["--grpc_bind_address", "127.0.0.1", "--port", `${port}`, "--log_level", "error"];
  const v8Flags = `--v8-flags=${["--trace-gc-nvp", ...flags].join(",")}`;
  const deno = ["run", "--no-check", ...PERMISSIONS, v8Flags, `--inspect=127.0.0.1:${inspectorPort}`];
  const args = [...deno, `${ROOT}main.ts`, ...model, ...listen];
  const startedMs = performance.now();
  const server = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  // V8 writes in blocks, the last one when the process ends.
  const log = new Response(server.stdout).text();
  await untilListening(port);
  const { bytes } = await request.ask(port);
  const send = (count: number) => request.send(port, { calls: count }, bytes);
  await send(Math.ceil(calls / 4));
  const fromMs = performance.now() - startedMs;
  const cpuBeforeMs = await cpuMs(server.pid);
  await send(calls);
  const measured = { fromMs, toMs: performance.now() - startedMs, cpuMs: await cpuMs(server.pid) - cpuBeforeMs };
  const inspector = await Inspector.connect(inspectorPort);
  await inspector.call("HeapProfiler.startSampling", {
    samplingInterval: SAMPLING_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await send(calls);
  const { profile } = await inspector.call<{ profile: { head: ProfileNode } }>("HeapProfiler.stopSampling");
  inspector.close();
  server.kill("SIGTERM");
  await server.status;
  tellCollections(await log, calls, measured);
  console.table(
    sitesOf(profile.head).slice(0, SITES_TOLD).map(([site, bytes]) => ({
      site,
      "bytes a request": Math.round(bytes / calls * 10) / 10,
    })),
  );
}

await main();
