import assert from "node:assert/strict";
import { formatSignature, formatTensorShape } from "./signature_text.ts";

Deno.test("formatSignature() prints as protobuf does: sorted names, zero and dynamic sizes, unknown ranks, escapes", () => {
  const text = formatSignature({
    inputs: [
      { name: "b", tensorName: 'a"ü\n', dtype: "string", shape: undefined },
      { name: "a", tensorName: "a:0", dtype: "i64", shape: [{ min: 0, max: 0 }, { min: 1, max: 3 }] },
    ],
    outputs: [{ name: "y", tensorName: "", dtype: "bool", shape: [] }],
    methodName: "m",
  });
  assert.equal(
    text,
    `inputs {
  key: "a"
  value {
    name: "a:0"
    dtype: DT_INT64
    tensor_shape {
      dim {
      }
      dim {
        size: -1
      }
    }
  }
}
inputs {
  key: "b"
  value {
    name: "a\\"\\303\\274\\n"
    dtype: DT_STRING
    tensor_shape {
      unknown_rank: true
    }
  }
}
outputs {
  key: "y"
  value {
    name: ""
    dtype: DT_BOOL
    tensor_shape {
    }
  }
}
method_name: "m"
`,
  );
});

Deno.test("formatTensorShape() prints sizes in brackets", () => {
  assert.equal(formatTensorShape([2, 3]), "[2,3]");
  assert.equal(formatTensorShape([]), "[]");
});
