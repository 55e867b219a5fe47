import assert from "node:assert/strict";
import { CODE, ServingError } from "../../base/status.ts";
import { loadProtos } from "./protos.ts";

const protos = await loadProtos();

Deno.test("loadProtos() loads once", async () => {
  assert.equal(await loadProtos(), protos);
});

Deno.test("a message is decoded to what was encoded, with defaults for what was left out", () => {
  const typeName = "tensorflow.serving.ReloadConfigRequest";
  const encoded = protos.encode(typeName, {
    config: {
      model_config_list: { config: [{ name: "m", base_path: "/models/m", version_labels: { stable: "43" } }] },
    },
  });
  const decoded = protos.decode(typeName, encoded);
  assert.deepEqual(decoded, {
    config: {
      config: "model_config_list",
      model_config_list: {
        config: [{
          name: "m",
          base_path: "/models/m",
          model_type: "MODEL_TYPE_UNSPECIFIED",
          model_platform: "",
          model_version_policy: null,
          version_labels: { stable: "43" },
          logging_config: null,
        }],
      },
    },
    metric_names: [],
  });
});

Deno.test("the messages of every service are there", () => {
  const typeNames = [
    "tensorflow.serving.ClassificationRequest",
    "tensorflow.serving.RegressionResponse",
    "tensorflow.serving.MultiInferenceRequest",
    "tensorflow.serving.PredictionLog",
    "tensorflow.serving.GetModelStatusResponse",
    "tensorflow.serving.MonitoringConfig",
    "tensorflow.serving.PlatformConfigMap",
    "tensorflow.serving.SSLConfig",
    "grpc.health.v1.HealthCheckResponse",
    "grpc.reflection.v1.ServerReflectionResponse",
    "grpc.reflection.v1alpha.ServerReflectionRequest",
  ];
  for (const typeName of typeNames) assert.equal(protos.encode(typeName, {}).length, 0);
});

Deno.test("bytes that are not such a message are refused", () => {
  assert.throws(() => protos.decode("tensorflow.serving.ReloadConfigRequest", Uint8Array.of(10, 5, 0)), (error) => {
    return error instanceof ServingError && error.code === CODE.INVALID_ARGUMENT;
  });
});

Deno.test("an unknown message name fails an assertion", () => {
  assert.throws(() => protos.decode("tensorflow.serving.Nothing", new Uint8Array(0)), /Nothing/);
});
