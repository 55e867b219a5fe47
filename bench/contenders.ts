/**
 * The servers that are compared, as far as they are at hand.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Contender } from "./process.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const PYTHON = `${ROOT}.ovserve/python/bin`;
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-ffi", "--allow-env", "--allow-sys"];

/** A model to serve: its name is that of its folder. */
export interface BenchModel {
  readonly name: string;
  /** The folder of version folders. */
  readonly path: string;
  /** The file of version 1. */
  readonly file: string;
}

/** This server, from source, or the executable that `OVSERVE_BINARY` names. */
export function ovserve(model: BenchModel, flags: readonly string[] = [], label = "ovserve"): Contender {
  const listen = ["--grpc_bind_address", "127.0.0.1", "--port", "{port}", "--log_level", "error"];
  const args = ["model", "--model_name", model.name, "--model_path", model.path, ...listen, ...flags];
  const binary = Deno.env.get("OVSERVE_BINARY");
  if (binary !== undefined) return { label, command: binary, args };
  return { label, command: Deno.execPath(), args: ["run", "--no-check", ...PERMISSIONS, `${ROOT}main.ts`, ...args] };
}

/** What a user writes in an afternoon: grpcio and OpenVINO in Python. */
export function pythonPeer(model: BenchModel): Contender {
  return {
    label: "python",
    command: `${PYTHON}/python`,
    args: [`${ROOT}bench/python_peer.py`, model.file, "{port}", `${ROOT}protos`],
  };
}

/**
 * A C++ server with the calling convention `SERVER MODEL.xml PORT THROUGHPUT|LATENCY|TINY`, where `OVSERVE_CPP_PEER` names one.
 */
export function cppPeer(model: BenchModel, mode: "THROUGHPUT" | "LATENCY" | "TINY"): Contender[] {
  const server = Deno.env.get("OVSERVE_CPP_PEER");
  return server === undefined ? [] : [{ label: `c++ ${mode}`, command: server, args: [model.file, "{port}", mode] }];
}

/** A server whose one method does nothing: ours, or one on grpc-js and the same Deno. */
export function emptyServer(kind: "ours" | "grpc-js"): Contender {
  const args = ["run", "--no-check", ...PERMISSIONS, `${ROOT}bench/empty_server.ts`, kind, "{port}"];
  // The process of grpc-js aborts in nghttp2 when a client with streams goes away.
  return { label: kind, command: Deno.execPath(), args, isShortLived: kind === "grpc-js" };
}

/** Inferences a second that OpenVINO's own benchmark_app reaches with a batch size: the limit, with no server around it. */
export async function benchmarkApp(model: BenchModel, batch: number): Promise<number> {
  const shape = `x[${batch},224,224,3]`;
  const args = ["-m", model.file, "-hint", "throughput", "-t", "10", "-data_shape", shape, "-d", "CPU"];
  const { stdout } = await new Deno.Command(`${PYTHON}/benchmark_app`, { args, stderr: "null" }).output();
  const rate = /Throughput:\s+([\d.]+) FPS/.exec(new TextDecoder().decode(stdout))?.[1];
  return Number(rate) / batch;
}
