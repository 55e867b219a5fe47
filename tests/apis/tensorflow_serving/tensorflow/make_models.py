"""Makes the SavedModels of this folder and answers.json, TensorFlow's own answers to a few requests for each.

    python3 -m venv /tmp/tensorflow && /tmp/tensorflow/bin/pip install tensorflow-cpu==2.21.0
    /tmp/tensorflow/bin/python tests/apis/tensorflow_serving/tensorflow/make_models.py

| model    | made by        | signatures: inputs → outputs                                                                     |
| -------- | -------------- | ------------------------------------------------------------------------------------------------ |
| network  | Keras          | serving_default: pixels f32 [?,8,8,1] → probabilities f32 [?,4]; convolution, pooling, dense layers |
| dtypes   | tf.function    | serving_default: one input [?] of each dtype, named after it → the same doubled, `NAME_out`; not for bool; string joined |
| examples | TensorFlow 1   | over the same tensors, strings [?] → strings [?,1] and f32 [?,1]: serving_default (inputs → classes, scores), a classification; values (inputs → outputs), a regression; both (texts → classes, scores), for Predict |
"""

import json
import os
import shutil
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).parent
SEED = 7
tf1 = tf.compat.v1

# TensorFlow's dtypes by the names they have here.
DTYPES = {
    "f16": tf.float16,
    "f32": tf.float32,
    "f64": tf.float64,
    "i8": tf.int8,
    "i16": tf.int16,
    "i32": tf.int32,
    "i64": tf.int64,
    "u8": tf.uint8,
    "u16": tf.uint16,
    "u32": tf.uint32,
    "u64": tf.uint64,
    "bool": tf.bool,
    "string": tf.string,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def version_folder(name):
    folder = FOLDER / name / "1"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.parent.mkdir(parents=True)
    return folder


def plain(values):
    """A tensor as the tests read and write it."""
    array = np.asarray(values)
    name = NAMES[tf.as_dtype(array.dtype if array.dtype.kind not in "OSU" else tf.string)]
    flat = [value.decode() if isinstance(value, bytes) else value for value in array.ravel().tolist()]
    return {"dtype": name, "shape": list(array.shape), "values": flat}


def ask(folder, signature, inputs):
    """TensorFlow's answer, by the function that loading a SavedModel makes of a signature."""
    function = tf.saved_model.load(str(folder)).signatures[signature]
    return {name: value.numpy() for name, value in function(**inputs).items()}


def case(model, signature, inputs):
    outputs = ask(FOLDER / model / "1", signature, {name: tf.constant(value) for name, value in inputs.items()})
    return {
        "model": model,
        "signature": signature,
        "inputs": {name: plain(value) for name, value in inputs.items()},
        "outputs": {name: plain(value) for name, value in sorted(outputs.items())},
    }


def save_network(random):
    tf.keras.utils.set_random_seed(SEED)
    model = tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 1), name="pixels"),
            tf.keras.layers.Conv2D(4, 3, padding="same", activation="relu"),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.DepthwiseConv2D(3, padding="same"),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(4),
        ]
    )
    # Statistics that are not those it begins with.
    model(random.standard_normal((32, 8, 8, 1)).astype(np.float32), training=True)

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1), tf.float32, "pixels")])
    def serve(pixels):
        return {"probabilities": tf.nn.softmax(model(pixels, training=False))}

    module = tf.Module()
    module.model = model
    tf.saved_model.save(module, str(version_folder("network")), signatures=serve)


def save_dtypes():
    def compute(name, x):
        if name == "bool":
            return tf.logical_not(x)
        return tf.identity(x) if name == "string" else x + x

    @tf.function(input_signature=[tf.TensorSpec((None,), dtype, name) for name, dtype in DTYPES.items()])
    def serve(*inputs):
        return {f"{name}_out": compute(name, x) for name, x in zip(DTYPES, inputs)}

    tf.saved_model.save(tf.Module(), str(version_folder("dtypes")), signatures=serve)


def save_examples():
    with tf1.Graph().as_default(), tf1.Session() as session:
        inputs = tf1.placeholder(tf.string, (None,), "examples")
        rows = tf.shape(inputs)[0]
        classes = tf.expand_dims(inputs, 1, name="labels")
        scores = tf.expand_dims(tf.cast(tf.range(rows), tf.float32) * 0.5, 1, name="numbers")

        def info(**tensors):
            return {name: tf1.saved_model.utils.build_tensor_info(tensor) for name, tensor in tensors.items()}

        def signature(takes, gives, method):
            build = tf1.saved_model.signature_def_utils.build_signature_def
            return build(info(**takes), info(**gives), f"tensorflow/serving/{method}")

        builder = tf1.saved_model.Builder(str(version_folder("examples")))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "serving_default": signature({"inputs": inputs}, {"classes": classes, "scores": scores}, "classify"),
                "values": signature({"inputs": inputs}, {"outputs": scores}, "regress"),
                "both": signature({"texts": inputs}, {"classes": classes, "scores": scores}, "predict"),
            },
        )
        builder.save()


def main():
    random = np.random.default_rng(SEED)
    save_network(random)
    save_dtypes()
    save_examples()
    numbers = {"f16": np.float16([0.5, -3]), "f32": np.float32([0.1, -3e30]), "f64": np.float64([0.5, -3])}
    for name in ("i8", "i16", "i32", "i64"):
        numbers[name] = np.array([5, -7], DTYPES[name].as_numpy_dtype)
    for name in ("u8", "u16", "u32", "u64"):
        numbers[name] = np.array([5, 100], DTYPES[name].as_numpy_dtype)
    everything = {**numbers, "bool": np.array([True, False]), "string": np.array([b"", "naïve".encode()], object)}
    texts = np.array([b"one", b"two", b"three"], object)
    cases = [
        case("network", "serving_default", {"pixels": random.standard_normal((n, 8, 8, 1)).astype(np.float32)})
        for n in (1, 3)
    ]
    cases.append(case("dtypes", "serving_default", everything))
    cases.append(case("examples", "serving_default", {"inputs": texts}))
    cases.append(case("examples", "values", {"inputs": texts}))
    cases.append(case("examples", "both", {"texts": texts}))
    (FOLDER / "answers.json").write_text(json.dumps(cases, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
