// deno-lint-ignore-file camelcase -- keys have the names they have on the wire
/**
 * The cases of the contract over REST.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { CodeName } from "../../../../src/base/status.ts";
import type { PlainRequest, PlainSpec, PlainTensor } from "./contract_case.ts";

/** Sends a request and gives the reply's status and body. */
export type Send = (method: string, path: string, body?: string) => Promise<{ status: number; text: string }>;

/** What the HTTP statuses stand for that the cases have (tensorflow_serving/model_servers/http_server.cc). */
export const HTTP_STATUS: Readonly<Partial<Record<CodeName, number>>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  NOT_FOUND: 404,
};

/** An answer as REST gives it: an error with its status, or JSON of what was asked for, without dtypes and shapes. */
export type RestAnswer = { readonly status: number; readonly message: string } | { readonly json: unknown };

/** Asks what a case asks. */
export async function askOverRest(send: Send, request: PlainRequest): Promise<RestAnswer> {
  const { status, text } = await ask(send, request);
  const json = parse(text) as Record<string, unknown>;
  if (status !== 200) return { status, message: String(json.error) };
  switch (request.api) {
    case "predict":
      return { json: json.outputs };
    case "metadata":
      return { json: signatures(json) };
    case "status":
      return { json: (json.model_version_status as Record<string, unknown>[]).map(versionStatus) };
    default:
      return { json: json.results };
  }
}

function ask(send: Send, request: PlainRequest): ReturnType<Send> {
  if (request.api === "multi_inference") throw new Error("REST has no MultiInference");
  const path = pathOf(request.spec);
  switch (request.api) {
    case "predict": {
      const inputs = Object.entries(request.inputs ?? {}).map(([name, input]) => {
        assert(!("proto" in input), "REST knows no TensorProto");
        return `${JSON.stringify(name)}: ${toJson(input)}`;
      });
      return send("POST", `${path}:predict`, `{${signatureField(request.spec)} "inputs": {${inputs.join()}}}`);
    }
    case "metadata":
      return send("GET", `${path}/metadata`);
    case "status":
      return send("GET", path);
    default: {
      const { examples, context } = request;
      const fields = JSON.stringify({ ...context === undefined ? {} : { context }, examples });
      return send("POST", `${path}:${request.api}`, `{${signatureField(request.spec)} ${fields.slice(1)}`);
    }
  }
}

function pathOf(spec: PlainSpec | undefined): string {
  const { name = "", version, label } = spec ?? {};
  const which = version !== undefined ? `/versions/${version}` : label !== undefined ? `/labels/${label}` : "";
  return `/v1/models/${name}${which}`;
}

function signatureField(spec: PlainSpec | undefined): string {
  return spec?.signature === undefined ? "" : `"signature_name": ${JSON.stringify(spec.signature)},`;
}

/** A tensor as nested lists; whole numbers with all their digits. */
function toJson({ shape, values }: PlainTensor): string {
  let items = values.map((value) => typeof value === "string" ? JSON.stringify(value) : String(value));
  for (const size of shape.toReversed()) {
    items = Array.from({ length: items.length / size }, (_, i) => `[${items.slice(i * size, (i + 1) * size)}]`);
  }
  return items[0] as string;
}

/** Reads JSON; whole numbers that a double may not hold become strings of their digits. */
function parse(text: string): unknown {
  return JSON.parse(text.replace(/(?<=[[,:\s])-?\d{16,}(?=[\],\s}])/g, '"$&"'));
}

/** What outputs look like in JSON: the only one by itself, several by their names. */
export function outputsAsJson(outputs: Readonly<Record<string, PlainTensor>>): unknown {
  const values = Object.entries(outputs).map(([name, tensor]) => [name, parse(toJson(tensor))] as const);
  return values.length === 1 ? values[0]?.[1] : Object.fromEntries(values);
}

function versionStatus({ version, state, status }: Record<string, unknown>): unknown {
  const { error_code, error_message } = status as Record<string, unknown>;
  return { version: Number(version), state, code: error_code, message: error_message };
}

function signatures(json: Record<string, unknown>): unknown {
  const { signature_def } = json.metadata as { signature_def: { signature_def: Record<string, Signature> } };
  return Object.fromEntries(
    Object.entries(signature_def.signature_def).map(([name, { inputs, outputs, method_name }]) => [name, {
      method: method_name,
      inputs: tensors(inputs),
      outputs: tensors(outputs),
    }]),
  );
}

interface Signature {
  readonly inputs: Record<string, TensorInfo>;
  readonly outputs: Record<string, TensorInfo>;
  readonly method_name: string;
}

interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly tensor_shape: { readonly dim: { readonly size: string }[]; readonly unknown_rank: boolean };
}

function tensors(infos: Record<string, TensorInfo>): unknown {
  return Object.fromEntries(
    Object.entries(infos).map(([alias, { name, dtype, tensor_shape: { dim, unknown_rank } }]) => [alias, {
      name,
      dtype,
      shape: unknown_rank ? undefined : dim.map(({ size }) => Number(size)),
    }]),
  );
}
