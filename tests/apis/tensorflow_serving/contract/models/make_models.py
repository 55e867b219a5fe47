"""Makes the models of this folder: what the models of `models/` do not show of the contract.

    .ovserve/python/bin/python tests/apis/tensorflow_serving/contract/models/make_models.py

| model      | inputs → outputs                                                                                       |
| ---------- | ------------------------------------------------------------------------------------------------------ |
| arithmetic | one input [?] of each numeric element type, named after it → 2 x + 1 of the same type, `NAME_out`        |
| classifier | inputs string [?] → classes string [?,2], each example twice; scores f32 [?,2], its bytes and their number negated |
| regressor  | inputs string [?] → outputs f32 [?], the number of bytes of each example                                |
| labels     | inputs string [?] → classes string [?,1], each example                                                  |
| misregressor, misclassifier | inputs string [?] → outputs f32 [?,2], scores f32 [?,1,1]: of another shape than theirs |
| pixels     | inputs string [?] → red, green, blue f32 [?]: more outputs than a classification has                      |
| shapes     | scalar f32 [], bounded f32 [1..3,2] → the same + 1, `NAME_out`                      |
| wide       | i64 [?], u64 [?], u32 [?] → 2 x, `NAME_out`                                                             |
"""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset15 as ops

FOLDER = Path(__file__).parent

# OpenVINO's name of each element type, numpy's, and the name its tensor gets.
ELEMENT_TYPES = {
    "f16": (np.float16, "f16"),
    "f32": (np.float32, "f32"),
    "f64": (np.float64, "f64"),
    "i8": (np.int8, "i8"),
    "i16": (np.int16, "i16"),
    "i32": (np.int32, "i32"),
    "i64": (np.int64, "i64"),
    "u8": (np.uint8, "u8"),
    "u16": (np.uint16, "u16"),
    "u32": (np.uint32, "u32"),
    "u64": (np.uint64, "u64"),
}


def parameter(name, shape, element_type):
    """An input whose node and tensor both go by `name`."""
    node = ops.parameter(ov.PartialShape(shape), element_type, name=name)
    node.output(0).set_names({name})
    return node


def result(name, output):
    """An output whose tensor goes by `name`."""
    output = output if isinstance(output, ov.Output) else output.output(0)
    output.set_names({name})
    return ops.result(output, name=f"{name}/result")


def constant(values, dtype, name):
    return ops.constant(np.asarray(values, dtype), name=name)


def save(name, outputs, inputs):
    """Writes version 1 of a model. Every node was given its name, so the file does not change from run to run."""
    folder = FOLDER / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    ov.serialize(ov.Model(outputs, inputs, name), folder / f"{name}.xml")


def save_arithmetic():
    inputs, outputs = [], []
    for element_type, (dtype, name) in ELEMENT_TYPES.items():
        x = parameter(name, [-1], getattr(ov.Type, element_type))
        doubled = ops.multiply(x, constant([2], dtype, f"{name}/two"), name=f"{name}/doubled")
        inputs.append(x)
        outputs.append(result(f"{name}_out", ops.add(doubled, constant([1], dtype, f"{name}/one"), name=f"{name}_out")))
    save("arithmetic", outputs, inputs)


def unpacked(examples):
    """The places where each example's bytes begin and end, and their number as f32."""
    unpack = ops.string_tensor_unpack(examples, name="unpacked")
    length = ops.convert(ops.subtract(unpack.output(1), unpack.output(0), name="bytes"), "f32", name="length")
    return unpack, length


def column(node, name):
    return ops.unsqueeze(node, constant([1], np.int64, f"{name}/axis"), name=name)


def save_classifier():
    examples = parameter("inputs", [-1], ov.Type.string)
    _, length = unpacked(examples)
    length = column(length, "column")
    negated = ops.multiply(length, constant([[-1]], np.float32, "minus"), name="negated")
    example = column(examples, "example")
    classes = result("classes", ops.concat([example, example], 1, name="classes"))
    scores = result("scores", ops.concat([length, negated], 1, name="scores"))
    # Not in the order TensorFlow Serving looks at them in.
    save("classifier", [scores, classes], [examples])


def save_labels():
    examples = parameter("inputs", [-1], ov.Type.string)
    save("labels", [result("classes", column(examples, "classes"))], [examples])


def save_regressor():
    examples = parameter("inputs", [-1], ov.Type.string)
    _, length = unpacked(examples)
    save("regressor", [result("outputs", length)], [examples])


def save_misshapen():
    examples = parameter("inputs", [-1], ov.Type.string)
    _, length = unpacked(examples)
    length = column(length, "column")
    pair = ops.concat([length, length], 1, name="outputs")
    save("misregressor", [result("outputs", pair)], [examples])
    save("misclassifier", [result("scores", ops.unsqueeze(length, constant([2], np.int64, "axis"), name="scores"))], [examples])


def save_pixels():
    x = parameter("inputs", [-1], ov.Type.string)
    _, length = unpacked(x)
    outputs = []
    for i, name in enumerate(["red", "green", "blue"]):
        shifted = ops.add(length, constant([i], np.float32, f"{name}/shift"), name=name)
        outputs.append(result(name, shifted))
    save("pixels", outputs, [x])


def save_shapes():
    inputs = [
        parameter("scalar", [], ov.Type.f32),
        parameter("bounded", [ov.Dimension(1, 3), 2], ov.Type.f32),
    ]
    outputs = []
    for x in inputs:
        name = f"{x.friendly_name}_out"
        outputs.append(result(name, ops.add(x, constant(1, np.float32, f"{name}/one"), name=name)))
    save("shapes", outputs, inputs)


def save_wide():
    inputs, outputs = [], []
    for name, dtype in {"i64": np.int64, "u64": np.uint64, "u32": np.uint32}.items():
        x = parameter(name, [-1], getattr(ov.Type, name))
        inputs.append(x)
        outputs.append(result(f"{name}_out", ops.multiply(x, constant([2], dtype, f"{name}/two"), name=f"{name}_out")))
    save("wide", outputs, inputs)


def main():
    save_arithmetic()
    save_classifier()
    save_labels()
    save_regressor()
    save_misshapen()
    save_pixels()
    save_shapes()
    save_wide()


if __name__ == "__main__":
    main()
