/**
 * `ovserve status`: asks a running server for the versions of its models and their states.
 *
 * @module
 */
import { Command } from "commander";
import { CODE, ServingError } from "../../base/status.ts";
import {
  decodeGetModelStatusResponse,
  encodeGetModelStatusRequest,
} from "../../apis/tensorflow_serving/grpc/model_codec.ts";
import { WireFields } from "../../protobuf/wire_fields.ts";
import type { ModelVersionStatus } from "../../service/messages.ts";
import { addFlags, optional, readFlags, type Texts, topic } from "../flags/flag.ts";
import { addressOf, askUnary, type Peer } from "../grpc_client.ts";
import { FORMAT_FLAG, PEER_FLAGS } from "../flags/peer_flags.ts";

const FLAGS = {
  name: topic("Request")(
    "model_name",
    optional({ value: "name", help: "name of one model", defaultWords: "all models" }),
  ),
  format: FORMAT_FLAG,
};

/** Services that gRPC's health service lists besides the models. */
const SERVICE_REGEXP = /^(?:|(?:tensorflow\.serving\.)?(?:Prediction|Model)Service|inference\.GRPCInferenceService)$/;

/** The states of a model's versions, or why the server does not report them. */
interface ModelStatus {
  readonly name: string;
  readonly versions: readonly { readonly version: number; readonly state: string; readonly error?: string }[];
  readonly error?: string;
}

/** Makes the command. */
export function statusCommand(): Command {
  const command = new Command("status").description(
    "ask a server for the states of its models; exit code 0 if each has an available version",
  );
  addFlags(command, [FLAGS, PEER_FLAGS]);
  return command.action(async (texts: Texts) => {
    const { name, format } = readFlags(FLAGS, texts);
    const peer = readFlags(PEER_FLAGS, texts);
    const names = name === undefined ? await listModels(peer) : [name];
    const models: ModelStatus[] = [];
    for (const name of names) models.push(await statusOf(peer, name));
    // deno-lint-ignore no-console
    console.log(format === "json" ? JSON.stringify({ models }, undefined, 2) : table(models));
    const waiting = models.filter(({ versions }) => !versions.some(({ state }) => state === "AVAILABLE"));
    if (waiting.length > 0) {
      throw new Error(`No version to answer with: ${waiting.map((model) => model.name).join(", ")}`);
    }
  });
}

/** Lists the models that the health service knows, because TensorFlow Serving's own API cannot list them. */
async function listModels(peer: Peer): Promise<string[]> {
  try {
    const reply = await askUnary(peer, { path: "/grpc.health.v1.Health/List", message: new Uint8Array() });
    return [...new WireFields(reply).map(1).keys()].filter((service) => !SERVICE_REGEXP.test(service)).sort();
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    const reason = `The server at ${addressOf(peer)} does not list its models (${error.message})`;
    throw new Error(`${reason}: name one with --${FLAGS.name.name}`, { cause: error });
  }
}

async function statusOf(peer: Peer, name: string): Promise<ModelStatus> {
  const message = encodeGetModelStatusRequest({ modelSpec: { name, signatureName: "" } });
  try {
    const reply = await askUnary(peer, { path: "/tensorflow.serving.ModelService/GetModelStatus", message });
    const { versions } = decodeGetModelStatusResponse(reply);
    return { name, versions: versions.map(versionOf).sort((a, b) => a.version - b.version) };
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    return { name, versions: [], error: error.message };
  }
}

function versionOf({ version, state, code, message }: ModelVersionStatus): ModelStatus["versions"][number] {
  return { version, state: state.toUpperCase(), ...(code === CODE.OK ? {} : { error: message }) };
}

function table(models: readonly ModelStatus[]): string {
  const rows = models.flatMap(({ name, versions, error }) =>
    versions.length === 0
      ? [[name, "-", "-", error ?? ""]]
      : versions.map(({ version, state, error }) => [name, String(version), state, error ?? ""])
  );
  const all = [["MODEL", "VERSION", "STATE", "ERROR"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()).join("\n");
}
