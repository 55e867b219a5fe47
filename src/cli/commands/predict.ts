/**
 * `ovserve predict`: sends one request to a running server, from a file.
 *
 * @module
 */
import { Command } from "commander";
import { joinParts } from "../../base/bytes.ts";
import type { NamedTensor } from "../../base/tensor.ts";
import {
  decodeGetModelMetadataResponse,
  encodeGetModelMetadataRequest,
} from "../../apis/tensorflow_serving/grpc/model_codec.ts";
import { decodePredictResponse, encodePredictRequest } from "../../apis/tensorflow_serving/grpc/predict_codec.ts";
import { decodeNpy } from "../../apis/sagemaker/npy.ts";
import {
  decodePredictBody,
  encodePredictBody,
  inputsOf,
  type InputSpec,
  type PredictBody,
} from "../../apis/tensorflow_serving/rest/predict_codec.ts";
import type { ModelSpec } from "../../service/messages.ts";
import { addFlags, notEmpty, optional, readFlags, type Texts, topic, UsageError } from "../flags/flag.ts";
import { askUnary, type Peer } from "../grpc_client.ts";
import { PEER_FLAGS, VERSION_FLAGS } from "../flags/peer_flags.ts";

const request = topic("Request");

const FLAGS = {
  name: request("model_name", { value: "name", help: "name of the model", parse: notEmpty }),
  ...VERSION_FLAGS,
  signatureName: request(
    "signature_name",
    optional({
      value: "name",
      help: "signature of the model",
      defaultWords: "the one that the file names, else serving_default",
    }),
  ),
  input: request("input", {
    value: "file",
    help: 'what to send: .json as for REST ({"instances": …} or {"inputs": …}), or .npy for a single input',
    parse: notEmpty,
  }),
  outputs: request("output_filter", {
    value: "names",
    help: "outputs to request, separated by commas",
    parse: (text) => text.split(",").map((name) => name.trim()).filter((name) => name !== ""),
    default: "",
    defaultWords: "all",
  }),
};

/** Makes the command. */
export function predictCommand(): Command {
  const command = new Command("predict").description("ask a server for one prediction and print it as JSON");
  addFlags(command, [FLAGS, PEER_FLAGS]);
  return command.action(async (texts: Texts) => {
    const { name, version, versionLabel, signatureName = "", input, outputs } = readFlags(FLAGS, texts);
    const peer = readFlags(PEER_FLAGS, texts);
    if (version !== undefined && versionLabel !== undefined) {
      throw new UsageError("--model_version and --version_label cannot go together");
    }
    const modelSpec = {
      name,
      signatureName,
      ...(version === undefined ? {} : { version }),
      ...(versionLabel === undefined ? {} : { versionLabel }),
    };
    const body = await readBody(input, { signatureName, signatures: await readSignatures(peer, modelSpec) });
    const message = joinParts(encodePredictRequest({
      modelSpec: { ...modelSpec, signatureName: signatureName || body.signatureName },
      inputs: body.inputs,
      outputFilter: outputs,
    }, { asTensorContent: true }));
    const reply = await askUnary(peer, { path: "/tensorflow.serving.PredictionService/Predict", message });
    // deno-lint-ignore no-console
    console.log(new TextDecoder().decode(encodePredictBody(decodePredictResponse(reply).outputs, body.format)));
  });
}

/** Asks for the inputs of each signature of a model. */
async function readSignatures(peer: Peer, modelSpec: ModelSpec): Promise<ReadonlyMap<string, readonly InputSpec[]>> {
  const message = encodeGetModelMetadataRequest({ modelSpec, metadataFields: ["signature_def"] });
  const reply = await askUnary(peer, { path: "/tensorflow.serving.PredictionService/GetModelMetadata", message });
  const { signatures } = decodeGetModelMetadataResponse(reply);
  return new Map([...signatures].map(([name, { inputs }]) => [name, inputs]));
}

/** @throws {Error} with a sentence that begins with the file's path. */
async function readBody(
  path: string,
  { signatureName, signatures }: { signatureName: string; signatures: ReadonlyMap<string, readonly InputSpec[]> },
): Promise<PredictBody> {
  const bytes = await Deno.readFile(path).catch((error) => {
    const reason = error instanceof Deno.errors.NotFound ? "it does not exist" : String(error);
    throw new Error(`Cannot read ${path}: ${reason}`, { cause: error });
  });
  try {
    if (path.endsWith(".npy")) {
      return { signatureName, format: "columnar", inputs: [onlyInput(bytes, inputsOf({ signatures }, signatureName))] };
    }
    // The signature of the flag replaces the one that the file names.
    const asked = signatures.get(signatureName);
    return decodePredictBody(bytes, {
      signatures: asked === undefined ? signatures : new Map([...signatures.keys()].map((name) => [name, asked])),
    });
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function onlyInput(bytes: Uint8Array, specs: readonly InputSpec[]): NamedTensor {
  const [spec, ...others] = specs;
  if (spec === undefined || others.length > 0) {
    throw new Error(`the model has ${specs.length} inputs, and .npy holds one: write them as JSON`);
  }
  return { name: spec.name, tensor: decodeNpy(bytes, spec.dtype) };
}
