/**
 * Who is compared, as far as they are at hand: this server, the peers, OpenVINO's own benchmark_app.
 *
 * @module
 */
import { ROOT } from "../scripts/shell.ts";
import { absentee, type Contender, server, shortLivedServer } from "./contender.ts";
import type { Load } from "./h2load.ts";
import type { Program } from "./process.ts";
import type { Round } from "./report.ts";

const PYTHON = `${ROOT}.ovserve/python/bin/python`;
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-ffi", "--allow-env", "--allow-sys"];
const LISTEN = ["--grpc_bind_address", "127.0.0.1", "--port", "{port}", "--log_level", "info"];

/** A model to serve: its name is that of its folder. */
export interface BenchModel {
  readonly name: string;
  /** The folder of version folders. */
  readonly path: string;
  /** The file of version 1. */
  readonly file: string;
}

/** How a C++ peer compiles its model: for many at once, for one at a time, or as a trivial model is best compiled. */
export type CppMode = "THROUGHPUT" | "LATENCY" | "TINY";

/** This server from source. */
export function sourceProgram(args: readonly string[]): Program {
  const command = ["run", "--no-check", ...PERMISSIONS, `${ROOT}main.ts`, ...args, ...LISTEN];
  return { command: Deno.execPath(), args: command };
}

/** The executable that `OVSERVE_BINARY` names. */
export function binaryProgram(args: readonly string[]): Program | undefined {
  const binary = Deno.env.get("OVSERVE_BINARY");
  return binary === undefined ? undefined : { command: binary, args: [...args, ...LISTEN] };
}

/** How one model is served. */
export function modelArgs({ name, path }: BenchModel, flags: readonly string[] = []): string[] {
  return ["model", "--model_name", name, "--model_path", path, ...flags];
}

/** This server: the executable where there is one, else from source. */
export function ovserve(
  model: BenchModel,
  load: Load,
  { label = "ovserve", flags = [], isPeer = false }: { label?: string; flags?: readonly string[]; isPeer?: boolean } =
    {},
): Contender {
  const args = modelArgs(model, flags);
  return server(label, { program: binaryProgram(args) ?? sourceProgram(args), load, isPeer });
}

/** What a user writes in an afternoon: grpcio and OpenVINO in Python. */
export function pythonProgram(model: BenchModel): Program {
  return { command: PYTHON, args: [`${ROOT}bench/python_peer.py`, model.file, "{port}", `${ROOT}protos`] };
}

/** {@link pythonProgram} as a peer. */
export function pythonPeer(model: BenchModel, load: Load): Contender {
  return server("python", { program: pythonProgram(model), load, isPeer: true });
}

/** A C++ server with the calling convention `SERVER MODEL.xml PORT MODE`, where `OVSERVE_CPP_PEER` names one. */
export function cppProgram(model: BenchModel, mode: CppMode): Program | undefined {
  const command = Deno.env.get("OVSERVE_CPP_PEER");
  return command === undefined ? undefined : { command, args: [model.file, "{port}", mode] };
}

/** Why there is no C++ peer. */
export const NO_CPP_PEER = "OVSERVE_CPP_PEER names no server";

/** {@link cppProgram} as a peer. */
export function cppPeer(model: BenchModel, load: Load, mode: CppMode): Contender {
  const program = cppProgram(model, mode);
  if (program === undefined) return absentee("c++", { isPeer: true, absent: NO_CPP_PEER });
  return server("c++", { program, load, isPeer: true });
}

/** A server whose one method does nothing: ours, or one on grpc-js and the same Deno. */
export function emptyServers(load: Load): Contender[] {
  const program = (kind: string): Program => ({
    command: Deno.execPath(),
    args: ["run", "--no-check", ...PERMISSIONS, `${ROOT}bench/empty_server.ts`, kind, "{port}"],
  });
  // The process of grpc-js aborts in nghttp2 when a client with streams goes away.
  return [
    server("ovserve", { program: program("ours"), load }),
    shortLivedServer("grpc-js", { program: program("grpc-js"), load }),
  ];
}

/** What bench/benchmark_app.py tells. */
interface Measured {
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly inferences: number;
  readonly residentMb: number;
  readonly peakMb: number;
}

/**
 * OpenVINO's own benchmark_app with the same model and batch: the limit, with no server around it. It has one inference a stream in flight and
 * nothing waiting, so its latencies are no measure for a server's.
 */
export function benchmarkApp(model: BenchModel, shape: readonly number[]): Contender {
  const batch = shape[0] ?? 1;
  const round = async (seconds: number): Promise<Round> => {
    const script = [`${ROOT}bench/benchmark_app.py`, `${seconds}`];
    const options = [
      "-hint",
      "throughput",
      "-d",
      "CPU",
      "-inference_only",
      "true",
      "-data_shape",
      `x[${shape.join()}]`,
    ];
    const args = [...script, "-m", model.file, ...options];
    const { stdout, success } = await new Deno.Command(PYTHON, { args, stderr: "inherit" }).output();
    if (!success) throw new Error("benchmark_app failed");
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    const measured = JSON.parse(lines.at(-1) ?? "") as Measured;
    const images = measured.inferences * batch;
    return {
      rate: images / measured.seconds,
      cpuUs: measured.cpuSeconds / images * 1e6,
      residentMb: measured.residentMb,
      peakMb: measured.peakMb,
    };
  };
  return {
    label: "benchmark_app",
    isPeer: true,
    start: () => Promise.resolve({ round, [Symbol.asyncDispose]: () => Promise.resolve() }),
  };
}
