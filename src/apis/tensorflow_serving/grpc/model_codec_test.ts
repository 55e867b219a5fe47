import assert from "node:assert/strict";
import type { Signature } from "../../../base/signature.ts";
import { CODE, ServingError } from "../../../base/status.ts";
import type { GetModelStatusResponse } from "../../../service/messages.ts";
import {
  decodeGetModelMetadataRequest,
  decodeGetModelMetadataResponse,
  decodeGetModelStatusRequest,
  decodeGetModelStatusResponse,
  encodeGetModelMetadataRequest,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusRequest,
  encodeGetModelStatusResponse,
} from "./model_codec.ts";
import { loadProtos, type ProtoObject } from "../../../protobuf/testing/protos.ts";
import { lengthField, message, numberField } from "../../../protobuf/testing/wire_messages.ts";

const protos = await loadProtos();

const SPECS = [
  undefined,
  { name: "m", signatureName: "" },
  { name: "m", version: 0, signatureName: "" },
  { name: "m", version: 2n ** 60n, signatureName: "s" },
  { name: "m", versionLabel: "stable", signatureName: "" },
];

const STATUS: GetModelStatusResponse = {
  versions: [
    { version: 3, state: "available", code: CODE.OK, message: "" },
    { version: 2, state: "unloading", code: CODE.OK, message: "" },
    { version: 0, state: "end", code: CODE.INVALID_ARGUMENT, message: "Cannot read model.xml" },
    { version: 5, state: "start", code: CODE.OK, message: "" },
    { version: 4, state: "loading", code: CODE.UNAVAILABLE, message: "" },
  ],
};

const ANY_SIZE = { min: 0, max: Infinity };

const SIGNATURE: Signature = {
  inputs: [
    { name: "b", tensorName: "b:0", dtype: "f32", shape: [ANY_SIZE, { min: 3, max: 3 }, { min: 0, max: 0 }] },
    { name: "a", tensorName: "", dtype: "string", shape: [] },
  ],
  outputs: [{ name: "y", tensorName: "y/sink", dtype: "bf16", shape: undefined }],
};

const METADATA = {
  modelName: "m",
  modelVersion: 0,
  signatures: new Map<string, Signature>([
    ["serving_default", SIGNATURE],
    ["", { ...SIGNATURE, methodName: "tensorflow/serving/classify" }],
  ]),
};

Deno.test("requests survive encoding and decoding", () => {
  for (const modelSpec of SPECS) {
    assert.deepEqual(decodeGetModelStatusRequest(encodeGetModelStatusRequest({ modelSpec })), { modelSpec });
    const request = { modelSpec, metadataFields: ["signature_def", "", "other"] };
    assert.deepEqual(decodeGetModelMetadataRequest(encodeGetModelMetadataRequest(request)), request);
  }
});

Deno.test("requests are decoded from protobufjs, and by protobufjs", () => {
  const request = { modelSpec: { name: "m", version: 7, signatureName: "" }, metadataFields: ["signature_def"] };
  const typeName = "tensorflow.serving.GetModelMetadataRequest";
  const encoded = protos.encode(typeName, {
    model_spec: { name: "m", version: { value: "7" } },
    metadata_field: ["signature_def"],
  });
  assert.deepEqual(decodeGetModelMetadataRequest(encoded), request);
  const decoded = protos.decode(typeName, encodeGetModelMetadataRequest(request));
  assert.deepEqual(decoded.metadata_field, ["signature_def"]);
  assert.equal((decoded.model_spec as ProtoObject).name, "m");
});

Deno.test("a status survives encoding, and decoding here and by protobufjs", () => {
  const encoded = encodeGetModelStatusResponse(STATUS);
  assert.deepEqual(decodeGetModelStatusResponse(encoded), STATUS);
  const decoded = protos.decode("tensorflow.serving.GetModelStatusResponse", encoded);
  assert.deepEqual((decoded.model_version_status as ProtoObject[])[2], {
    version: "0",
    state: "END",
    status: { error_code: "INVALID_ARGUMENT", error_message: "Cannot read model.xml" },
  });
});

Deno.test("an OK status is present and empty", () => {
  const versions = [{ version: 3, state: "available", code: CODE.OK, message: "" } as const];
  assert.deepEqual(
    encodeGetModelStatusResponse({ versions }),
    message(lengthField(1, numberField(1, 3), numberField(2, 30), lengthField(3))),
  );
});

Deno.test("an unknown state is decoded as the end, an unknown code as UNKNOWN", () => {
  const status = lengthField(1, numberField(1, 3), numberField(2, 35), lengthField(3, numberField(1, 20)));
  assert.deepEqual(decodeGetModelStatusResponse(message(status)).versions, [
    { version: 3, state: "end", code: CODE.UNKNOWN, message: "" },
  ]);
});

Deno.test("metadata survives encoding and decoding", () => {
  const signatures = new Map(METADATA.signatures);
  signatures.set("serving_default", { ...SIGNATURE, methodName: "tensorflow/serving/predict" });
  assert.deepEqual(decodeGetModelMetadataResponse(encodeGetModelMetadataResponse(METADATA)), {
    ...METADATA,
    signatures,
  });
});

Deno.test("metadata is a SignatureDefMap in an Any, as protobufjs reads it", () => {
  const decoded = protos.decode(
    "tensorflow.serving.GetModelMetadataResponse",
    encodeGetModelMetadataResponse(METADATA),
  );
  assert.deepEqual(decoded.model_spec, {
    name: "m",
    signature_name: "",
    version: { value: "0" },
    version_choice: "version",
  });
  const any = (decoded.metadata as Record<string, { type_url: string; value: Uint8Array }>).signature_def;
  assert(any !== undefined);
  assert.equal(any.type_url, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
  const map = protos.decode("tensorflow.serving.SignatureDefMap", any.value);
  const signature = (map.signature_def as Record<string, ProtoObject>).serving_default;
  assert(signature !== undefined);
  assert.equal(signature.method_name, "tensorflow/serving/predict");
  const inputs = signature.inputs as Record<string, ProtoObject>;
  assert.deepEqual(Object.keys(inputs), ["b", "a"]);
  const dim = ["-1", "3", "0"].map((size) => ({ size, name: "" }));
  assert.deepEqual(inputs.b, {
    name: "b:0",
    dtype: "DT_FLOAT",
    tensor_shape: { dim, unknown_rank: false },
    encoding: "name",
  });
  assert.deepEqual(inputs.a?.encoding, "name");
  const outputs = signature.outputs as Record<string, ProtoObject>;
  assert.deepEqual(outputs.y?.tensor_shape, { dim: [], unknown_rank: true });
});

Deno.test("metadata of an unsupported dtype is rejected with its name", () => {
  const info = lengthField(1, lengthField(1, "x"), lengthField(2, numberField(2, 8)));
  const signature = lengthField(1, lengthField(1, "serving_default"), lengthField(2, info));
  const response = message(lengthField(2, lengthField(1, "signature_def"), lengthField(2, lengthField(2, signature))));
  assert.throws(
    () => decodeGetModelMetadataResponse(response),
    /Tensor x has dtype DT_COMPLEX64, which is not supported/,
  );
});

Deno.test("every decoder rejects bytes that are not protobuf", () => {
  const decoders = [
    decodeGetModelStatusRequest,
    decodeGetModelStatusResponse,
    decodeGetModelMetadataRequest,
    decodeGetModelMetadataResponse,
  ];
  for (const decode of decoders) {
    assert.throws(() => decode(Uint8Array.of(10, 5, 0)), (error) => {
      return error instanceof ServingError && error.code === CODE.INVALID_ARGUMENT;
    });
  }
});
