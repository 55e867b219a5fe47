"""Makes the models of this folder: small, real, and the same bytes each time.

    python3 -m venv /tmp/models && /tmp/models/bin/pip install -r models/requirements.txt
    /tmp/models/bin/python models/make_models.py

| model         | inputs → outputs                                                                                |
| ------------- | ----------------------------------------------------------------------------------------------- |
| digits        | image f32 [?,8,8], ink from 0 to 16 → probabilities f32 [?,10], digit i64 [?]                    |
| half_plus_two | x f32 [?] → y = x / 2 + 2                                                                       |
| mixed         | one input [?] of each element type, named after the type → the same under the same name, untouched |
| dynamic       | x f32 [?,?] → indices i64 [2,?] of what is not zero (size known only afterwards), doubled f32 [?,?] |
| tiny          | x f32 [1,1] → y = 2 x + 1                                                                        |
"""

import json
import os

os.environ["OMP_NUM_THREADS"] = "1"  # sums in one order, whatever the machine

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset15 as ops
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

FOLDER = Path(__file__).parent
SEED = 7
HELD_OUT_ACCURACY_MIN = 0.97

# OpenVINO's name of each element type, and the name its tensor gets.
ELEMENT_TYPES = {
    "f16": "f16",
    "bf16": "bf16",
    "f32": "f32",
    "f64": "f64",
    "i8": "i8",
    "i16": "i16",
    "i32": "i32",
    "i64": "i64",
    "u8": "u8",
    "u16": "u16",
    "u32": "u32",
    "u64": "u64",
    "boolean": "bool",
    "string": "string",
}


def parameter(name, shape, element_type):
    """An input whose node and tensor both go by `name`."""
    node = ops.parameter(ov.PartialShape(shape), element_type, name=name)
    node.output(0).set_names({name})
    return node


def result(name, node):
    """An output whose tensor goes by `name`."""
    node.output(0).set_names({name})
    return ops.result(node, name=f"{name}/result")


def constant(values, dtype, name):
    return ops.constant(np.asarray(values, dtype), name=name)


def save(name, outputs, inputs):
    """Writes version 1 of a model. Every node was given its name, so the file does not change from run to run."""
    folder = FOLDER / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    ov.serialize(ov.Model(outputs, inputs, name), folder / f"{name}.xml")


def train_digits():
    """A network with one hidden layer, and the held-out images it was judged by."""
    digits = load_digits()
    train, held_out, train_labels, held_out_labels = train_test_split(
        digits.images.astype(np.float32), digits.target, test_size=0.25, random_state=SEED, stratify=digits.target
    )
    network = MLPClassifier((64,), alpha=1e-3, max_iter=1000, random_state=SEED)
    network.fit(train.reshape(-1, 64) / 16, train_labels)
    accuracy = network.score(held_out.reshape(-1, 64) / 16, held_out_labels)
    print(f"digits: {accuracy:.1%} of {len(held_out)} held-out images")
    assert accuracy > HELD_OUT_ACCURACY_MIN, f"Only {accuracy:.1%} of the held-out images are recognised"
    return network, held_out, held_out_labels


def save_digits(network):
    (weights, output_weights), (bias, output_bias) = network.coefs_, network.intercepts_
    image = parameter("image", [-1, 8, 8], ov.Type.f32)
    pixels = ops.reshape(image, constant([-1, 64], np.int64, "pixels/shape"), False, name="pixels")
    # Dividing the weights by the range of the ink saves a node.
    hidden = ops.matmul(pixels, constant(weights / 16, np.float32, "hidden/weights"), False, False, name="hidden/product")
    hidden = ops.relu(ops.add(hidden, constant([bias], np.float32, "hidden/bias"), name="hidden/sum"), name="hidden")
    scores = ops.matmul(hidden, constant(output_weights, np.float32, "scores/weights"), False, False, name="scores/product")
    scores = ops.add(scores, constant([output_bias], np.float32, "scores/bias"), name="scores")
    best = ops.topk(scores, constant(1, np.int64, "best/k"), 1, "max", "value", index_element_type="i64", name="best")
    digit = ops.squeeze(best.output(1), constant([1], np.int64, "digit/axis"), name="digit")
    probabilities = ops.softmax(scores, 1, name="probabilities")
    save("digits", [result("probabilities", probabilities), result("digit", digit)], [image])


def save_samples(network, images, labels):
    """Ten held-out images the network is sure of, the digits 0 to 9 in order, as requests ready to send."""
    probabilities = network.predict_proba(images.reshape(-1, 64) / 16)
    chosen = np.stack([images[(labels == digit) & (probabilities[:, digit] > 0.99)][0] for digit in range(10)])
    folder = FOLDER / "digits" / "samples"
    folder.mkdir(exist_ok=True)
    # The body of POST /v1/models/digits:predict.
    rows = ",\n".join(json.dumps(image.astype(int).tolist(), separators=(",", ":")) for image in chosen)
    (folder / "rest.json").write_text(f'{{"instances": [\n{rows}\n]}}\n')
    # The PredictRequest as grpcurl takes it.
    shape = {"dim": [{"size": size} for size in chosen.shape]}
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": shape, "float_val": chosen.astype(int).flatten().tolist()}
    request = {"model_spec": {"name": "digits"}, "inputs": {"image": tensor}}
    (folder / "grpc.json").write_text(json.dumps(request) + "\n")


def save_half_plus_two():
    x = parameter("x", [-1], ov.Type.f32)
    half = ops.multiply(x, constant([0.5], np.float32, "factor"), name="half")
    save("half_plus_two", [result("y", ops.add(half, constant([2], np.float32, "two"), name="y"))], [x])


def save_mixed():
    inputs = [parameter(name, [-1], getattr(ov.Type, element_type)) for element_type, name in ELEMENT_TYPES.items()]
    save("mixed", [ops.result(node, name=f"{node.friendly_name}/result") for node in inputs], inputs)


def save_dynamic():
    x = parameter("x", [-1, -1], ov.Type.f32)
    indices = ops.non_zero(x, output_type="i64", name="indices")
    doubled = ops.multiply(x, constant([[2]], np.float32, "factor"), name="doubled")
    save("dynamic", [result("indices", indices), result("doubled", doubled)], [x])


def save_tiny():
    x = parameter("x", [1, 1], ov.Type.f32)
    doubled = ops.multiply(x, constant([[2]], np.float32, "factor"), name="doubled")
    save("tiny", [result("y", ops.add(doubled, constant([[1]], np.float32, "one"), name="y"))], [x])


def save_config():
    names = ["digits", "half_plus_two", "mixed", "dynamic", "tiny"]
    entries = ",\n".join(f'    {{ "config": {{ "name": "{name}", "base_path": "{name}" }} }}' for name in names)
    (FOLDER / "config.json").write_text(f'{{\n  "model_config_list": [\n{entries}\n  ]\n}}\n')


def main():
    network, images, labels = train_digits()
    save_digits(network)
    save_samples(network, images, labels)
    save_half_plus_two()
    save_mixed()
    save_dynamic()
    save_tiny()
    save_config()


if __name__ == "__main__":
    main()
