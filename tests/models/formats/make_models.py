"""Makes the models of this folder, one of each format: tiny, hand-made, without weights from elsewhere.

    python3 -m venv /tmp/formats && /tmp/formats/bin/pip install tensorflow-cpu==2.21.0 onnx==1.23.2
    /tmp/formats/bin/python tests/models/formats/make_models.py

| model         | format                 | inputs → outputs                                                       |
| ------------- | ---------------------- | ---------------------------------------------------------------------- |
| onnx          | ONNX                   | x f32[?,3], bias f32[3] → y = 2x + bias                                 |
| saved_model   | TensorFlow SavedModel  | signatures below, with a variable                                       |
| aliases       | TensorFlow SavedModel  | one tensor under two names, an input handed through, two graphs         |
| frozen_graph  | TensorFlow frozen .pb  | x:0 f32[?,3] → y:0 = 2x + 1                                             |
| tflite        | TensorFlow Lite        | x f32[?,3] → 2x + 1                                                     |
| paddle        | PaddlePaddle           | x f32[?,3] → y = 2x + 1                                                 |

The SavedModel `saved_model` has over the same placeholders: `serving_default` (image → scores, class), `only_scores` (inputs →
scores, for Regress), and `other` (z → q), whose tensors are its own.
"""

import os
import shutil
import struct
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper

FOLDER = Path(__file__).parent
tf1 = tf.compat.v1


def version_folder(name):
    folder = FOLDER / name / "1"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def save_onnx():
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3]),
        helper.make_tensor_value_info("bias", TensorProto.FLOAT, [3]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])]
    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    nodes = [helper.make_node("Mul", ["x", "two"], ["doubled"]), helper.make_node("Add", ["doubled", "bias"], ["y"])]
    graph = helper.make_graph(nodes, "affine", inputs, outputs, [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="")
    onnx.save(model, version_folder("onnx") / "model.onnx")


def build_info(tensors):
    return {name: tf1.saved_model.utils.build_tensor_info(tensor) for name, tensor in tensors.items()}


def signature(inputs, outputs, method="predict"):
    return tf1.saved_model.signature_def_utils.build_signature_def(
        build_info(inputs), build_info(outputs), f"tensorflow/serving/{method}"
    )


def save_saved_model():
    folder = version_folder("saved_model")
    folder.rmdir()
    with tf1.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        image = tf1.placeholder(tf.float32, [None, 3], name="pixels")
        z = tf1.placeholder(tf.float32, [None, 3], name="z")
        weights = tf1.get_variable("weights", initializer=np.arange(6, dtype=np.float32).reshape(3, 2))
        scores = tf.matmul(image, weights, name="product")
        best = tf.argmax(scores, 1, name="best")
        q = tf.multiply(z, 2.0, name="q")
        session.run(tf1.global_variables_initializer())
        builder = tf1.saved_model.builder.SavedModelBuilder(str(folder))
        signatures = {
            "serving_default": signature({"image": image}, {"scores": scores, "class": best}),
            "only_scores": signature({"inputs": image}, {"scores": scores}, "regress"),
            "other": signature({"z": z}, {"q": q}),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


def save_aliases():
    folder = version_folder("aliases")
    folder.rmdir()
    with tf1.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        x = tf1.placeholder(tf.float32, [None, 3], name="x_in")
        doubled = tf.multiply(x, 2.0, name="doubled")
        tripled = tf.multiply(x, 3.0, name="tripled")
        builder = tf1.saved_model.builder.SavedModelBuilder(str(folder))
        twice = signature({"x": x}, {"a": doubled, "z": doubled, "through": x, "b": tripled})
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map={"serving_default": twice})
        elsewhere = signature({"x_gpu": x}, {"y_gpu": tripled})
        builder.add_meta_graph(["serve", "gpu"], signature_def_map={"serving_default": elsewhere})
        builder.save()


def save_frozen_graph():
    with tf1.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        tf.add(tf.multiply(x, 2.0, name="doubled"), 1.0, name="y")
        (version_folder("frozen_graph") / "model.pb").write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))


def save_tflite():
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def affine(x):
        return x * 2.0 + 1.0

    converter = tf.lite.TFLiteConverter.from_concrete_functions([affine.get_concrete_function()])
    (version_folder("tflite") / "model.tflite").write_bytes(converter.convert())


def varint(number):
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def field(number, value):
    """A protobuf field: whole numbers as varints, floats in four bytes, text and bytes with their length."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def paddle_tensor(name):
    """`VarDesc`: a dense tensor (`LOD_TENSOR` 7) of f32 (`FP32` 5)."""
    dims = b"".join(field(2, size) for size in (-1, 3))
    dense = field(1, field(1, 5) + dims)
    return field(1, name) + field(2, field(1, 7) + field(3, dense)) + field(4, 1)


def paddle_list(name, kind):
    """`VarDesc`: what feeds (`FEED_MINIBATCH` 9) or fetches (`FETCH_LIST` 10)."""
    return field(1, name) + field(2, field(1, kind)) + field(3, 1)


def paddle_attribute(name, kind, value):
    """`OpDesc.Attr`: `INT` 0, `FLOAT` 1, `BOOLEAN` 6."""
    return field(1, name) + field(2, kind) + field({0: 3, 1: 4, 6: 10}[kind], value)


def paddle_op(kind, inputs, outputs, attributes=()):
    variables = lambda number, names: b"".join(
        field(number, field(1, parameter) + field(2, name)) for parameter, name in names.items()
    )
    attrs = b"".join(field(4, paddle_attribute(*attribute)) for attribute in attributes)
    return variables(1, inputs) + variables(2, outputs) + field(3, kind) + attrs


def save_paddle():
    """A `ProgramDesc` (paddle/fluid/framework/framework.proto) of one block, written by hand: Paddle itself is large."""
    variables = [paddle_list("feed", 9), paddle_list("fetch", 10), paddle_tensor("x"), paddle_tensor("y")]
    ops = [
        paddle_op("feed", {"X": "feed"}, {"Out": "x"}, [("col", 0, 0)]),
        paddle_op("scale", {"X": "x"}, {"Out": "y"}, [("scale", 1, 2.0), ("bias", 1, 1.0), ("bias_after_scale", 6, 1)]),
        paddle_op("fetch", {"X": "y"}, {"Out": "fetch"}, [("col", 0, 0)]),
    ]
    block = field(1, 0) + field(2, -1) + b"".join(field(3, v) for v in variables) + b"".join(field(4, o) for o in ops)
    folder = version_folder("paddle")
    (folder / "model.pdmodel").write_bytes(field(1, block) + field(4, field(1, 2_000_000)))
    (folder / "model.pdiparams").write_bytes(b"")


def main():
    save_onnx()
    save_saved_model()
    save_aliases()
    save_frozen_graph()
    save_tflite()
    save_paddle()


if __name__ == "__main__":
    main()
