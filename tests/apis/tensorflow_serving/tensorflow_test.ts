/** SavedModels made by TensorFlow, served as they are: the answers are TensorFlow's own, as its script recorded them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { PlainAnswer, PlainExample, PlainRequest, PlainTensor } from "./contract/contract_case.ts";
import { askOverGrpc } from "./contract/grpc_front_end.ts";
import { PredictionClient } from "../../support/prediction_client.ts";
import { Server } from "../../support/server.ts";

const FOLDER = fileURLToPath(new URL("./tensorflow/", import.meta.url));
const NAMES = ["network", "dtypes", "examples"];
/** How far a float may be off: TensorFlow and OpenVINO add in other orders. */
const TOLERANCE = 1e-5;
/** Where the processor can, OpenVINO computes f32 as bf16 unless it is told not to, with two to three digits. */
const PRECISE = { INFERENCE_PRECISION_HINT: "f32" };
const FLOATS: readonly string[] = ["f16", "f32", "f64"];

/** A request and TensorFlow's answer, as make_models.py writes them. */
interface Recorded {
  readonly model: string;
  readonly signature: string;
  readonly inputs: Readonly<Record<string, PlainTensor>>;
  readonly outputs: Readonly<Record<string, PlainTensor>>;
}

/** Runs a test against a server of the models. */
async function withServer(
  test: (ask: (request: PlainRequest) => Promise<PlainAnswer>) => Promise<void>,
): Promise<void> {
  const config = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const entries = NAMES.map((name) => ({ config: { name, base_path: FOLDER + name, plugin_config: PRECISE } }));
    await Deno.writeTextFile(config, JSON.stringify({ model_config_list: entries }));
    await using server = await Server.start(["config", "--config_path", config]);
    using client = new PredictionClient(server.address);
    await test((request) => askOverGrpc(client, request));
  } finally {
    await Deno.remove(config);
  }
}

function assertClose(actual: PlainTensor | undefined, expected: PlainTensor, message: string): void {
  assert(actual !== undefined, message);
  assert.deepEqual([actual.dtype, actual.shape], [expected.dtype, expected.shape], message);
  if (!FLOATS.includes(expected.dtype)) {
    return assert.deepEqual(actual.values.map(String), expected.values.map(String), message);
  }
  expected.values.forEach((value, i) => {
    const [got, wanted] = [Number(actual.values[i]), Number(value)];
    assert(Math.abs(got - wanted) <= TOLERANCE * Math.max(1, Math.abs(wanted)), `${message}: ${got} is not ${wanted}`);
  });
}

Deno.test("Predict on TensorFlow's SavedModels gives TensorFlow's own numbers, by every signature", async () => {
  const cases: Recorded[] = JSON.parse(await Deno.readTextFile(`${FOLDER}answers.json`));
  await withServer(async (ask) => {
    for (const { model, signature, inputs, outputs } of cases) {
      const answer = await ask({ api: "predict", spec: { name: model, signature }, inputs });
      assert("outputs" in answer, `${model} ${signature}: ${"message" in answer ? answer.message : ""}`);
      assert.deepEqual(Object.keys(answer.outputs).sort(), Object.keys(outputs), model);
      for (const [name, expected] of Object.entries(outputs)) {
        assertClose(answer.outputs[name], expected, `${model} ${signature} ${name}`);
      }
    }
  });
});

Deno.test("Classify, Regress and MultiInference go by the signatures of a SavedModel", async () => {
  const examples: PlainExample[] = [{ a: [1] }, { b: [2] }];
  const texts = ["a\x12\x05\x1a\x03\n\x01\x01", "b\x12\x05\x1a\x03\n\x01\x02"];
  const classes = texts.map((text, i) => [{ label: `\n\f\n\n\n\x01${text}`, score: i / 2 }]);
  const name = "examples";
  await withServer(async (ask) => {
    assert.deepEqual(await ask({ api: "classify", spec: { name }, examples }), {
      result: classes,
      servedBy: { name, version: 1, signature: "serving_default" },
    });
    assert.deepEqual(await ask({ api: "regress", spec: { name, signature: "values" }, examples }), {
      result: [0, 0.5],
      servedBy: { name, version: 1, signature: "values" },
    });
    const tasks = [
      { spec: { name, signature: "values" }, method: "tensorflow/serving/regress" },
      { spec: { name }, method: "tensorflow/serving/classify" },
    ];
    assert.deepEqual(await ask({ api: "multi_inference", tasks, examples }), {
      result: [
        { regressions: [0, 0.5], servedBy: { name, version: 1, signature: "values" } },
        { classifications: classes, servedBy: { name, version: 1, signature: "serving_default" } },
      ],
    });
    assert.deepEqual(await ask({ api: "classify", spec: { name, signature: "both" }, examples }), {
      code: "INVALID_ARGUMENT",
      message: `No classification inputs found in SignatureDef: ${BOTH}`,
    });
  });
});

Deno.test("Metadata of a SavedModel has all its signatures, with their names, tensors and methods", async () => {
  const info = (tensor: string, dtype: string, ...shape: number[]): unknown => ({ name: tensor, dtype, shape });
  const texts = info("examples:0", "DT_STRING", -1);
  const classes = info("labels:0", "DT_STRING", -1, 1);
  const scores = info("numbers:0", "DT_FLOAT", -1, 1);
  await withServer(async (ask) => {
    const answer = await ask({ api: "metadata", spec: { name: "examples" }, fields: ["signature_def"] });
    assert.deepEqual(answer, {
      result: {
        serving_default: {
          method: "tensorflow/serving/classify",
          inputs: { inputs: texts },
          outputs: { classes, scores },
        },
        values: { method: "tensorflow/serving/regress", inputs: { inputs: texts }, outputs: { outputs: scores } },
        both: { method: "tensorflow/serving/predict", inputs: { texts }, outputs: { classes, scores } },
      },
      servedBy: { name: "examples", version: 1, signature: "" },
    });
  });
});

/** The signature `both` as protobuf prints it. */
const BOTH = `inputs {
  key: "texts"
  value {
    name: "examples:0"
    dtype: DT_STRING
    tensor_shape {
      dim {
        size: -1
      }
    }
  }
}
outputs {
  key: "classes"
  value {
    name: "labels:0"
    dtype: DT_STRING
    tensor_shape {
      dim {
        size: -1
      }
      dim {
        size: 1
      }
    }
  }
}
outputs {
  key: "scores"
  value {
    name: "numbers:0"
    dtype: DT_FLOAT
    tensor_shape {
      dim {
        size: -1
      }
      dim {
        size: 1
      }
    }
  }
}
method_name: "tensorflow/serving/predict"
`;
