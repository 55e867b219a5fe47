/**
 * `ovserve status`: asks a running server which versions of its models it has, in which state.
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
import { addFlags, Flag, notEmpty, orNothing, readFlags } from "../flags/flag.ts";
import { addressOf, askUnary, type Peer } from "../grpc_client.ts";
import { FORMAT_FLAG, PEER_FLAGS } from "../flags/peer_flags.ts";

const FLAGS = {
  name: new Flag("model_name", {
    value: "name",
    description: "name of one model",
    parse: orNothing(notEmpty),
    default: "",
    defaultWords: "all models",
  }),
  format: FORMAT_FLAG,
};

/** Services that gRPC's health service lists beside the models. */
const SERVICE_REGEXP = /^(?:|(?:tensorflow\.serving\.)?(?:Prediction|Model)Service)$/;

/** A model, or why the server does not tell of it. */
interface ModelStatus {
  readonly name: string;
  readonly versions: readonly { readonly version: number; readonly state: string; readonly error?: string }[];
  readonly error?: string;
}

/** The command. */
export function statusCommand(): Command {
  const command = new Command("status").description(
    "ask a server for the states of its models; exit code 0 when each has a version to answer with",
  );
  addFlags(command, FLAGS, PEER_FLAGS);
  return command.action(async (texts: Readonly<Record<string, unknown>>) => {
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

/** The models of which the health service tells: TensorFlow Serving's own calls do not list them. */
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
