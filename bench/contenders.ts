/**
 * The contenders: this server, the peers that are available, and OpenVINO's benchmark_app.
 *
 * @module
 */
import { ROOT } from "../scripts/shell.ts";
import { absentee, type Contender, server } from "./contender.ts";
import type { Load } from "./h2load.ts";
import type { Program } from "./process.ts";
import type { Round } from "./report.ts";

const PYTHON = `${ROOT}.ovserve/python/bin/python`;
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-ffi", "--allow-env", "--allow-sys"];
const LISTEN = ["--grpc_bind_address", "127.0.0.1", "--port", "{port}", "--log_level", "info"];

/** A model to serve, named after its folder. */
export interface BenchModel {
  readonly name: string;
  /** The folder of version folders. */
  readonly path: string;
  /** The model file of version 1. */
  readonly file: string;
}

/** How a C++ peer compiles its model: for many requests at once, for one at a time, or for a trivial model. */
export type CppMode = "THROUGHPUT" | "LATENCY" | "TINY";

/** Runs this server from source. */
export function sourceProgram(args: readonly string[]): Program {
  const command = ["run", "--no-check", ...PERMISSIONS, `${ROOT}main.ts`, ...args, ...LISTEN];
  return { command: Deno.execPath(), args: command };
}

/** Runs the executable that `OVSERVE_BINARY` names; undefined without the variable. */
export function binaryProgram(args: readonly string[]): Program | undefined {
  const binary = Deno.env.get("OVSERVE_BINARY");
  return binary === undefined ? undefined : { command: binary, args: [...args, ...LISTEN] };
}

/** This server over REST. */
export function ovserveRest(model: BenchModel, load: Load, label: string): Contender {
  const listen = ["--rest_bind_address", "127.0.0.1", "--rest_port", "{port}"];
  const args = [...modelArgs(model), ...listen];
  const free = (program: Program): Program => ({
    ...program,
    args: program.args.map((arg, i, all) => arg === "{port}" && all[i - 1] === "--port" ? "0" : arg),
  });
  return server(label, { program: free(binaryProgram(args) ?? sourceProgram(args)), load });
}

/** The arguments that serve one model. */
export function modelArgs({ name, path }: BenchModel, flags: readonly string[] = []): string[] {
  return ["model", "--model_name", name, "--model_path", path, ...flags];
}

/** This server: the executable if there is one, else from source. */
export function ovserve(
  model: BenchModel,
  load: Load,
  { label = "ovserve", flags = [], isPeer = false }: { label?: string; flags?: readonly string[]; isPeer?: boolean } =
    {},
): Contender {
  const args = modelArgs(model, flags);
  return server(label, { program: binaryProgram(args) ?? sourceProgram(args), load, isPeer });
}

/** The Python peer: grpcio and the OpenVINO package. */
export function pythonProgram(model: BenchModel): Program {
  return { command: PYTHON, args: [`${ROOT}bench/python_peer.py`, model.file, "{port}", `${ROOT}protos`] };
}

/** {@link pythonProgram} as a peer. */
export function pythonPeer(model: BenchModel, load: Load): Contender {
  return server("python", { program: pythonProgram(model), load, isPeer: true });
}

/** The C++ peer that `OVSERVE_CPP_PEER` names, called as `SERVER MODEL.xml PORT MODE`; undefined without the variable. */
export function cppProgram(model: BenchModel, mode: CppMode): Program | undefined {
  const command = Deno.env.get("OVSERVE_CPP_PEER");
  return command === undefined ? undefined : { command, args: [model.file, "{port}", mode] };
}

/** The Triton that `OVSERVE_TRITON` names, called as `PROGRAM MODEL_NAME PORT`: its model computes what this server's does. */
export function triton(model: BenchModel, load: Load): Contender {
  const command = Deno.env.get("OVSERVE_TRITON");
  if (command === undefined) return absentee("Triton", { isPeer: true, absent: "OVSERVE_TRITON is not set" });
  return server("Triton", { program: { command, args: [model.name, "{port}"] }, load, isPeer: true });
}

/** The reason to report when there is no C++ peer. */
export const NO_CPP_PEER = "OVSERVE_CPP_PEER is not set";

/** {@link cppProgram} as a peer. */
export function cppPeer(model: BenchModel, load: Load, mode: CppMode): Contender {
  const program = cppProgram(model, mode);
  if (program === undefined) return absentee("c++", { isPeer: true, absent: NO_CPP_PEER });
  return server("c++", { program, load, isPeer: true });
}

/** The output of bench/benchmark_app.py. */
interface Measured {
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly inferences: number;
  readonly residentMb: number;
  readonly peakMb: number;
}

/**
 * OpenVINO's benchmark_app with the same model and batch: the limit, without a server. It keeps one inference a stream in flight and queues
 * nothing, so its latencies are not comparable with a server's.
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
