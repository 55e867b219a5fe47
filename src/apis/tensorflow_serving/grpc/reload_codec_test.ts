import assert from "node:assert/strict";
import { CODE } from "../../../base/status.ts";
import { loadProtos } from "../../../protobuf/testing/protos.ts";
import { decodeReloadConfigRequest, encodeReloadConfigResponse } from "./reload_codec.ts";
import { lengthField, message, numberField } from "../../../protobuf/testing/wire_messages.ts";

const protos = await loadProtos();

function encodedByProtobufjs(request: Record<string, unknown>): Uint8Array {
  return protos.encode("tensorflow.serving.ReloadConfigRequest", request);
}

Deno.test("decodeReloadConfigRequest() decodes a request of protobufjs", () => {
  const config = [
    { name: "a", base_path: "/models/a", model_platform: "tensorflow" },
    {
      name: "b",
      base_path: "/models/b",
      model_type: "TENSORFLOW",
      model_version_policy: { specific: { versions: ["1", "4294967297"] } },
      version_labels: { stable: "1", canary: "4294967297" },
      logging_config: {},
    },
    { name: "c", model_version_policy: { all: {} } },
    { name: "d", model_version_policy: { latest: { num_versions: 3 } } },
    { name: "e", model_version_policy: { latest: {} } },
  ];
  const request = encodedByProtobufjs({ config: { model_config_list: { config } }, metric_names: ["x", "y"] });
  const plain = {
    basePath: "",
    modelType: 0,
    platform: "",
    versionPolicy: { kind: "latest", count: 1 },
    versionLabels: new Map(),
    hasLogging: false,
  };
  assert.deepEqual(decodeReloadConfigRequest(request), {
    models: [
      { ...plain, name: "a", basePath: "/models/a", platform: "tensorflow" },
      {
        ...plain,
        name: "b",
        basePath: "/models/b",
        modelType: 1,
        versionPolicy: { kind: "specific", versions: [1, 4294967297] },
        versionLabels: new Map([["stable", 1], ["canary", 4294967297]]),
        hasLogging: true,
      },
      { ...plain, name: "c", versionPolicy: { kind: "all" } },
      { ...plain, name: "d", versionPolicy: { kind: "latest", count: 3 } },
      { ...plain, name: "e" },
    ],
    metricNames: ["x", "y"],
  });
});

Deno.test("decodeReloadConfigRequest() distinguishes no list from an empty one", () => {
  assert.equal(decodeReloadConfigRequest(new Uint8Array(0)).models, undefined);
  assert.equal(
    decodeReloadConfigRequest(encodedByProtobufjs({ config: { custom_model_config: {} } })).models,
    undefined,
  );
  assert.deepEqual(decodeReloadConfigRequest(encodedByProtobufjs({ config: { model_config_list: {} } })).models, []);
});

Deno.test("decodeReloadConfigRequest() reads unpacked versions, and the last of several choices", () => {
  const specific = lengthField(102, numberField(1, 5), lengthField(1, [6, 7]), numberField(2, 9));
  const policies: [readonly number[], unknown][] = [
    [[...lengthField(101), ...specific], { kind: "specific", versions: [5, 6, 7] }],
    [[...specific, ...lengthField(101), ...numberField(9, 1)], { kind: "all" }],
  ];
  for (const [policy, expected] of policies) {
    const model = lengthField(1, lengthField(7, policy));
    const decoded = decodeReloadConfigRequest(message(lengthField(1, lengthField(1, model))));
    assert.deepEqual(decoded.models?.[0]?.versionPolicy, expected);
  }
});

Deno.test("decodeReloadConfigRequest() rejects bytes that are not protobuf", () => {
  assert.throws(() => decodeReloadConfigRequest(message([0xff, 0xff])), { code: CODE.INVALID_ARGUMENT });
  assert.throws(() => decodeReloadConfigRequest(message(lengthField(1, lengthField(1, lengthField(1, [10, 200]))))), {
    code: CODE.INVALID_ARGUMENT,
  });
});

Deno.test("encodeReloadConfigResponse() writes a reply that protobufjs decodes", () => {
  const reply = encodeReloadConfigResponse({ metrics: [{ name: "a", increase: 0 }, { name: "b", increase: 2 }] });
  assert.deepEqual(protos.decode("tensorflow.serving.ReloadConfigResponse", reply), {
    status: { error_code: "OK", error_message: "" },
    metric: [
      { name: "a", int64_value_increase: "0", value_increase: "int64_value_increase" },
      { name: "b", int64_value_increase: "2", value_increase: "int64_value_increase" },
    ],
  });
});
