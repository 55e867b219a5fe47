"""Makes the SavedModels of this folder and a TensorFlow Lite file, and records what TensorFlow answers.

Run in a throwaway environment: python -m venv v && v/bin/pip install tensorflow-cpu==2.21.0 && v/bin/python make.py
Each model lies in <name>/1; <name>/answers.json holds requests for its signatures with TensorFlow's outputs.
"""
import base64
import json
import os
import pathlib
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

v1 = tf.compat.v1
HERE = pathlib.Path(__file__).parent
BYTES_MAX = 100_000
MODELS = {}


def model(function):
    """Registers a maker: it writes a SavedModel into a folder and returns requests by signature."""
    MODELS[function.__name__] = function
    return function


def spec(shape, dtype=tf.float32, name=None):
    return tf.TensorSpec(shape, dtype, name=name)


def example(**features):
    proto = tf.train.Example()
    for key, values in features.items():
        feature = proto.features.feature[key]
        if isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return proto.SerializeToString()


def strings(*values):
    return np.array([value.encode() if isinstance(value, str) else value for value in values], dtype=object)


def floats(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def info(tensor):
    return v1.saved_model.utils.build_tensor_info(tensor)


def save_v1(folder, session, signatures, tags=("serve",), **options):
    builder = v1.saved_model.Builder(str(folder))
    definitions = {}
    for name, (method, inputs, outputs) in signatures.items():
        definitions[name] = v1.saved_model.signature_def_utils.build_signature_def(
            {k: info(t) for k, t in inputs.items()}, {k: info(t) for k, t in outputs.items()}, method)
    builder.add_meta_graph_and_variables(session, list(tags), signature_def_map=definitions, **options)
    builder.save()


def edit(folder, change):
    """Changes the MetaGraph of a SavedModel by hand."""
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(path.read_bytes())
    change(saved.meta_graphs[0])
    path.write_bytes(saved.SerializeToString())


PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


# Feeding the middle of a graph, PlaceholderWithDefault, ParseExample: TensorFlow Serving's half_plus_two.
@model
def half_plus_two(folder):
    with v1.Graph().as_default(), v1.Session() as session:
        a = v1.get_variable("a", initializer=0.5, use_resource=False)
        b = v1.get_variable("b", initializer=2.0, use_resource=False)
        c = v1.get_variable("c", initializer=3.0, use_resource=True)
        serialized = v1.placeholder(tf.string, name="tf_example")
        config = {
            "x": v1.io.FixedLenFeature([1], tf.float32),
            "x2": v1.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
        }
        parsed = v1.io.parse_example(serialized, config)
        x = tf.identity(parsed["x"], name="x")
        y = tf.add(tf.multiply(a, x), b, name="y")
        y2 = tf.add(tf.multiply(a, x), c, name="y2")
        y3 = tf.add(tf.multiply(a, parsed["x2"]), c, name="y3")
        session.run(v1.global_variables_initializer())
        save_v1(folder, session, {
            "serving_default": (PREDICT, {"x": x}, {"y": y}),
            "classify_x_to_y": (CLASSIFY, {"inputs": serialized}, {"scores": y}),
            "regress_x_to_y": (REGRESS, {"inputs": serialized}, {"outputs": y}),
            "regress_x_to_y2": (REGRESS, {"inputs": serialized}, {"outputs": y2}),
            "regress_x2_to_y3": (REGRESS, {"inputs": parsed["x2"]}, {"outputs": y3}),
        })
    examples = strings(example(x=[2.0], x2=[3.0]), example(x=[-4.5]))
    return [
        ("serving_default", {"x": np.array([[1.0], [2.0], [5.0]], np.float32)}),
        ("serving_default", {"x": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)}, "shape"),
        ("classify_x_to_y", {"inputs": examples}),
        ("regress_x_to_y", {"inputs": examples}),
        ("regress_x_to_y2", {"inputs": examples}),
        ("regress_x2_to_y3", {"inputs": np.array([[7.0]], np.float32)}),
    ]


@model
def placeholder_with_default(folder):
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], name="x")
        scale = v1.placeholder_with_default(tf.constant(3.0), [], name="scale")
        training = v1.placeholder_with_default(False, [], name="training")
        y = tf.where(training, x, x * scale)
        save_v1(folder, session, {
            "serving_default": (PREDICT, {"x": x, "scale": scale}, {"y": y}),
            "unscaled": (PREDICT, {"x": x}, {"y": y}),
        })
    x = floats(3, 2)
    return [("serving_default", {"x": x, "scale": np.float32(-2.0)}), ("unscaled", {"x": x})]


@model
def signature_defaults(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None], name="x"), spec([], name="bias"), spec([1], tf.string, name="unit")])
        def serve(self, x, bias, unit):
            return {"y": x + bias, "unit": unit}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)

    def add_defaults(meta_graph):
        signature = meta_graph.signature_def["serving_default"]
        signature.defaults["bias"].CopyFrom(tf.make_tensor_proto(10.0, tf.float32))
        signature.defaults["unit"].CopyFrom(tf.make_tensor_proto(["mm"], tf.string))
    edit(folder, add_defaults)
    x = floats(4)
    return [
        ("serving_default", {"x": x, "bias": np.float32(1.5), "unit": strings("km")}),
        ("serving_default", {"x": x}, "defaults", {"bias": np.float32(10.0), "unit": strings("mm")}),
    ]


@model
def several_signatures(folder):
    class Module(tf.Module):
        def __init__(self):
            self.w = tf.Variable(floats(4, 3, seed=2))
            self.b = tf.Variable(floats(3, seed=3))

        @tf.function(input_signature=[spec([None, 4], name="x")])
        def embed(self, x):
            return {"embedding": tf.nn.relu(tf.matmul(x, self.w) + self.b)}

        @tf.function(input_signature=[spec([None, 4], name="left"), spec([None, 4], name="right")])
        def similarity(self, left, right):
            a, b = self.embed(left)["embedding"], self.embed(right)["embedding"]
            return {"similarity": tf.reduce_sum(a * b, axis=1)}

        @tf.function(input_signature=[spec([None, 4], name="features")])
        def same_as_embed(self, features):
            return {"vector": tf.nn.relu(tf.matmul(features, self.w) + self.b)}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={
        "embed": module.embed, "similarity": module.similarity, "same": module.same_as_embed})
    x, y = floats(2, 4, seed=4), floats(2, 4, seed=5)
    return [("embed", {"x": x}), ("similarity", {"left": x, "right": y}), ("same", {"features": y})]


@model
def constant_outputs(folder):
    class Module(tf.Module):
        def __init__(self):
            self.v = tf.Variable([1.5, 2.5])

        @tf.function(input_signature=[spec([None], name="x"), spec([None], name="unused")])
        def serve(self, x, unused):
            return {"y": x * 2.0, "number": tf.constant([[7, 8]]), "text": tf.constant(["a", "b"]),
                    "variable": self.v * 2.0, "again": x * 2.0, "echo": x}

        @tf.function(input_signature=[spec([None], name="x")])
        def version(self, x):
            return {"version": tf.constant("1.2.3")}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve, "version": module.version})
    return [("serving_default", {"x": floats(3), "unused": floats(1)}), ("version", {"x": floats(2)})]


# Examples are parsed for the table of classes; images are fed directly: TensorFlow Serving's MNIST tutorial.
@model
def classify_with_table(folder):
    with v1.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, name="tf_example")
        parsed = v1.io.parse_example(serialized, {"x": v1.io.FixedLenFeature(shape=[8], dtype=tf.float32)})
        x = tf.identity(parsed["x"], name="x")
        w = v1.get_variable("w", initializer=floats(8, 4), use_resource=False)
        b = v1.get_variable("b", initializer=floats(4), use_resource=False)
        y = tf.nn.softmax(tf.matmul(x, w) + b, name="y")
        values, indices = tf.nn.top_k(y, 4)
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
            tf.range(4, dtype=tf.int64), tf.constant(["zero", "one", "two", "three"])), "?")
        classes = table.lookup(tf.cast(indices, tf.int64))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        save_v1(folder, session, {
            "predict_images": (PREDICT, {"images": x}, {"scores": y}),
            "serving_default": (CLASSIFY, {"inputs": serialized}, {"classes": classes, "scores": values}),
        }, main_op=v1.tables_initializer(), strip_default_attrs=True)
    x = floats(2, 8, seed=6)
    return [
        ("predict_images", {"images": x}),
        ("serving_default", {"inputs": strings(*[example(x=[float(v) for v in row]) for row in x])}),
    ]


@model
def dense_and_sparse_examples(folder):
    class Module(tf.Module):
        def __init__(self):
            self.table = tf.Variable(floats(10, 3, seed=7))
            self.w = tf.Variable(floats(2, 1, seed=8))

        @tf.function(input_signature=[spec([None], tf.string, name="examples")])
        def serve(self, examples):
            parsed = tf.io.parse_example(examples, {
                "numbers": tf.io.FixedLenFeature([2], tf.float32),
                "count": tf.io.FixedLenFeature([], tf.int64, default_value=5),
                "ids": tf.io.VarLenFeature(tf.int64),
                "name": tf.io.FixedLenFeature([1], tf.string, default_value="none"),
            })
            embedded = tf.nn.embedding_lookup_sparse(self.table, parsed["ids"], None, combiner="mean")
            score = tf.matmul(parsed["numbers"], self.w) + tf.reduce_sum(embedded, axis=1, keepdims=True)
            return {"score": score, "count": parsed["count"], "name": parsed["name"]}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"examples": strings(
        example(numbers=[1.0, 2.0], ids=[1, 2, 3], name=[b"first"]),
        example(numbers=[-1.0, 0.5], count=[9], ids=[4]))})]


@model
def padded_examples(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None], tf.string, name="examples")])
        def serve(self, examples):
            parsed = tf.io.parse_example(examples, {
                "scores": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True, default_value=-1.0),
                "tags": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
            })
            return {"total": tf.reduce_sum(parsed["scores"], axis=1), "scores": parsed["scores"]}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"examples": strings(
        example(scores=[1.0, 2.0, 3.0], tags=[b"a"]), example(scores=[4.0]), example(tags=[b"b", b"c"]))})]


@model
def ragged_examples(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None], tf.string, name="examples")])
        def serve(self, examples):
            parsed = tf.io.parse_example(examples, {"x": tf.io.RaggedFeature(tf.float32)})
            ragged = parsed["x"]
            return {"flat": ragged.flat_values * 2.0, "splits": ragged.row_splits + 0}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"examples": strings(example(x=[1.0, 2.0]), example(), example(x=[3.0]))})]


# Class labels of a TF1 classifier: a slice, a tile and a broadcast of constant strings.
@model
def class_labels(folder):
    with v1.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        parsed = v1.io.parse_example(serialized, {"x": v1.io.FixedLenFeature([3], tf.float32)})
        x = parsed["x"]
        scores = tf.nn.softmax(x * 2.0)
        all_labels = tf.constant(["unused", "cat", "dog", "bird"])
        labels = tf.strided_slice(all_labels, [1], [4])
        classes = tf.tile(tf.expand_dims(labels, 0), [tf.shape(scores)[0], 1])
        save_v1(folder, session, {
            "serving_default": (CLASSIFY, {"inputs": serialized}, {"classes": classes, "scores": scores}),
            "predict": (PREDICT, {"x": x}, {"scores": scores}),
        })
    x = floats(2, 3, seed=9)
    return [
        ("serving_default", {"inputs": strings(*[example(x=[float(v) for v in row]) for row in x])}),
        ("predict", {"x": x}),
    ]


@model
def broadcast_strings(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None], name="x")])
        def serve(self, x):
            return {"labels": tf.broadcast_to(tf.constant("label"), tf.shape(x)), "y": x}

        @tf.function(input_signature=[spec([None], name="x")])
        def double(self, x):
            return {"y": x * 2.0}

        @tf.function(input_signature=[spec([None], name="x")])
        def branch(self, x):
            rows = tf.shape(x)
            return {"labels": tf.cond(
                tf.reduce_sum(x) > 0.0, lambda: tf.tile(tf.constant(["a", "b"]), rows), lambda: tf.constant(["c"]))}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={
        "labels": module.serve, "double": module.double, "branch": module.branch})
    return [("double", {"x": floats(3)})]


@model
def string_operations(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None], tf.string, name="text")])
        def serve(self, text):
            lower = tf.strings.lower(text)
            return {"lower": lower, "clean": tf.strings.regex_replace(lower, "[^a-z]", "")}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"text": strings("Hello, World!", "ABC 123")})]


@model
def string_tables(folder):
    class Module(tf.Module):
        def __init__(self):
            names = tf.constant(["red", "green", "blue"])
            self.to_id = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(names, tf.range(3, dtype=tf.int64)), -1)
            self.to_name = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(tf.range(3, dtype=tf.int64), names), "unknown")

        @tf.function(input_signature=[spec([None], tf.string, name="name")])
        def ids(self, name):
            return {"id": self.to_id.lookup(name)}

        @tf.function(input_signature=[spec([None], tf.int64, name="id")])
        def names(self, id):
            return {"name": self.to_name.lookup(id)}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"ids": module.ids, "names": module.names})
    return [
        ("ids", {"name": strings("blue", "red", "pink")}),
        ("names", {"id": np.array([0, 2, 9], np.int64)}),
    ]


@model
def vocabulary_file(folder):
    path = "/tmp/vocabulary.txt"
    pathlib.Path(path).write_text("the\t10\nquick\t20\r\nfox\t30\n")

    class Module(tf.Module):
        def __init__(self):
            index = tf.lookup.TextFileIndex
            self.line = tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(
                path, tf.string, 0, tf.int64, index.LINE_NUMBER), -1)
            self.count = tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(
                path, tf.string, 0, tf.int64, 1), 0)

        @tf.function(input_signature=[spec([None], tf.string, name="word")])
        def serve(self, word):
            return {"line": self.line.lookup(word), "count": self.count.lookup(word)}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"word": strings("fox", "the", "dog")})]


@model
def hash_buckets(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None], tf.string, name="text")])
        def serve(self, text):
            bucket = tf.strings.to_hash_bucket_fast(text, 1000)
            return {"bucket": bucket, "row": tf.gather(tf.range(1000) * 2, bucket)}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"text": strings("a", "bb", "ccc")})]


@model
def multi_hot(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None, 3], tf.int64, name="ids")])
        def serve(self, ids):
            empty = tf.constant([], tf.float32)
            return {
                "multi_hot": tf.raw_ops.DenseBincount(
                    input=ids, size=tf.constant(6, tf.int64), weights=empty, binary_output=True),
                "counts": tf.raw_ops.DenseBincount(
                    input=ids, size=tf.constant(6, tf.int64), weights=empty, binary_output=False),
            }
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"ids": np.array([[0, 2, 2], [5, 1, 0]], np.int64)})]


@model
def unknown_rank(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec(None, name="x")])
        def serve(self, x):
            return {"y": x * 2.0 + 1.0, "total": tf.reduce_sum(x)}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"x": floats(*shape)}, "shape") for shape in [(3,), (2, 2), (), (1, 2, 3)]]


@model
def control_flow(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None, 4], name="x"), spec([], tf.int32, name="n")])
        def serve(self, x, n):
            i = tf.constant(0)
            y = x
            while i < n:
                y = y * 1.5 + 1.0
                i += 1
            z = tf.cond(tf.reduce_sum(x) > 0.0, lambda: x + 1.0, lambda: x - 1.0)
            return {"y": y, "z": z}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    x = floats(2, 4)
    return [("serving_default", {"x": x, "n": np.int32(3)}), ("serving_default", {"x": -x, "n": np.int32(0)})]


@model
def several_results(folder):
    class Module(tf.Module):
        @tf.function
        def parts(self, x):
            values, indices = tf.math.top_k(x, 2)
            first, second = tf.split(x, 2, axis=1)
            unique = tf.unique(tf.reshape(tf.cast(x, tf.int32), [-1]))
            return values, indices, second - first, unique.y, unique.idx

        @tf.function(input_signature=[spec([None, 4], name="x")])
        def serve(self, x):
            values, indices, difference, y, idx = self.parts(x)
            return {"values": values, "indices": indices, "difference": difference, "y": y, "idx": idx}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {"x": floats(3, 4, seed=11) * 3})]


@model
def element_types(folder):
    class Module(tf.Module):
        def __init__(self):
            self.double = tf.Variable(np.array([1.25, 2.5]), dtype=tf.float64)
            self.int = tf.Variable([3, 4], dtype=tf.int64)
            self.half = tf.Variable([0.5, 0.25], dtype=tf.float16)

        @tf.function(input_signature=[
            spec([2], tf.float64, name="double"), spec([2], tf.int64, name="int"), spec([2], tf.float16, name="half"),
            spec([2], tf.bool, name="flag"), spec([2], tf.uint8, name="byte")])
        def serve(self, double, int, half, flag, byte):
            return {"double": double * self.double, "int": int + self.int, "half": half * self.half,
                    "flag": tf.logical_not(flag), "byte": byte + tf.constant(1, tf.uint8)}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return [("serving_default", {
        "double": np.array([1.0, -2.0]), "int": np.array([5, -7], np.int64),
        "half": np.array([2.0, 4.0], np.float16), "flag": np.array([True, False]),
        "byte": np.array([1, 200], np.uint8)})]


# What cannot be served, beside what can.
@model
def counter(folder):
    class Module(tf.Module):
        def __init__(self):
            self.count = tf.Variable(7.0)

        @tf.function(input_signature=[])
        def get(self):
            return {"count": self.count.read_value()}

        @tf.function(input_signature=[spec([], name="by")])
        def add(self, by):
            self.count.assign_add(by)
            return {"count": self.count.read_value()}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"get": module.get, "add": module.add})
    return [("get", {})]


@model
def images_in_strings(folder):
    class Module(tf.Module):
        @tf.function(input_signature=[spec([None], tf.string, name="bytes")])
        def serve(self, bytes):
            decode = lambda one: tf.image.resize(tf.io.decode_jpeg(one, channels=3), [4, 4])
            images = tf.map_fn(decode, bytes, fn_output_signature=tf.float32)
            return {"mean": tf.reduce_mean(images, axis=[1, 2, 3])}

        @tf.function(input_signature=[spec([None, 4, 4, 3], name="images")])
        def images(self, images):
            return {"mean": tf.reduce_mean(images, axis=[1, 2, 3])}
    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve, "images": module.images})
    return [("images", {"images": floats(2, 4, 4, 3)})]


@model
def other_tags(folder):
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], name="x")
        save_v1(folder, session, {"serving_default": (PREDICT, {"x": x}, {"y": x * 3.0})}, tags=("serve", "gpu"))
    return [("serving_default", {"x": floats(2)})]


class RandomModule(tf.Module):
    """Signatures of random operations over the same inputs, some of which share variables and functions."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.weights = [tf.Variable(self.random.normal(size=(4, 4)).astype(np.float32)) for _ in range(3)]
        self.names = tf.constant(["red", "green", "blue", "cyan"])
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(self.names, tf.range(4, dtype=tf.int64)), -1)

    @tf.function
    def shared(self, x):
        return tf.nn.softmax(tf.matmul(x, self.weights[0])), tf.reduce_max(x, axis=1, keepdims=True)

    def numeric(self, x, indices):
        """An expression of [rows, 4] made by a few random steps."""
        choice = self.random.integers
        for _ in range(choice(3, 9)):
            step = choice(12)
            w = self.weights[choice(3)]
            if step == 0: x = tf.tanh(x)
            elif step == 1: x = tf.nn.relu(x) - 0.25 * x
            elif step == 2: x = tf.matmul(x, w)
            elif step == 3: x = x + tf.reduce_mean(x, axis=1, keepdims=True)
            elif step == 4: x = tf.concat([x[:, 2:], x[:, :2]], axis=1)
            elif step == 5: x = x * tf.gather(w, indices)
            elif step == 6: x = tf.where(x > 0.0, x, tf.exp(-tf.abs(x)))
            elif step == 7: x = tf.cond(tf.reduce_sum(x) > 0.0, lambda x=x: x * 0.5, lambda x=x, w=w: x + w[0])
            elif step == 8: x = self.shared(x)[choice(2)] + x
            elif step == 9: x = tf.reshape(tf.transpose(tf.reshape(x, [-1, 2, 2]), [0, 2, 1]), [-1, 4])
            elif step == 10: x = tf.clip_by_value(x, -2.0, 2.0) / (1.0 + tf.square(x))
            else: x = tf.add_n(tf.split(tf.tile(x, [1, 2]), 2, axis=1)) * 0.5
        return x

    def text(self, names):
        """Identifiers and lower case of names, in random ways."""
        lower = tf.strings.lower(names)
        ids = self.table.lookup(lower)
        return {
            "ids": ids if self.random.integers(2) else tf.maximum(ids, 0),
            "clean": tf.strings.regex_replace(lower, "[aeiou]", "") if self.random.integers(2) else lower,
        }


def random_model(seed):
    def make(folder):
        module = RandomModule(seed)
        x, indices, names = spec([None, 4], name="x"), spec([None], tf.int32, name="indices"), spec(
            [None], tf.string, name="names")
        functions = {
            "one": tf.function(lambda x, indices: {"y": module.numeric(x, indices)}).get_concrete_function(x, indices),
            "two": tf.function(lambda x, indices: {
                "y": module.numeric(x, indices), "z": tf.argmax(module.numeric(x, indices), axis=1, output_type=tf.int32),
            }).get_concrete_function(x, indices),
            "text": tf.function(module.text).get_concrete_function(names),
        }
        tf.saved_model.save(module, str(folder), signatures=functions)
        inputs = {"x": floats(3, 4, seed=seed), "indices": np.array([seed % 4, 0, 3], np.int32)}
        return [("one", inputs), ("two", inputs), ("text", {"names": strings("Red", "BLUE", "none")})]
    MODELS[f"random_{seed}"] = make


for random_seed in range(6):
    random_model(random_seed)


def make_tflite():
    """A TensorFlow Lite file with a SignatureDef in its metadata, as TensorFlow Serving reads it."""
    import flatbuffers
    from flatbuffers import flexbuffers
    from tensorflow.lite.python import schema_py_generated as schema
    folder = HERE / "tflite_signatures"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "1").mkdir(parents=True)
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [1, 1], name="tflite_input")
        y = tf.add(x * 0.5, 2.0, name="y")
        converter = v1.lite.TFLiteConverter.from_session(session, [x], [y])
        definition = v1.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": y})
        # What tensorflow/lite/tools/signature/signature_def_util.cc does.
        unsigned = schema.ModelT.InitFromPackedBuf(bytearray(converter.convert()))
        buffer, metadata = schema.BufferT(), schema.MetadataT()
        buffer.data = list(flexbuffers.Dumps({"serving_default": definition.SerializeToString()}))
        metadata.name, metadata.buffer = "signature_defs_metadata", len(unsigned.buffers)
        unsigned.buffers.append(buffer)
        unsigned.metadata.append(metadata)
        builder = flatbuffers.Builder()
        builder.Finish(unsigned.Pack(builder), b"TFL3")
        lite = bytes(builder.Output())
    (folder / "1" / "model.tflite").write_bytes(lite)
    recorded = []
    for shape in [(1, 1), (3, 1), (4,), (2, 2)]:
        interpreter = tf.lite.Interpreter(model_content=lite)
        [source], [sink] = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(source["index"], shape)
        interpreter.allocate_tensors()
        value = floats(*shape)
        interpreter.set_tensor(source["index"], value)
        interpreter.invoke()
        recorded.append({"signature": "serving_default", "kind": "shape", "inputs": {"x": to_json(value)},
                         "outputs": {"y": to_json(interpreter.get_tensor(sink["index"]))}})
    (folder / "answers.json").write_text(json.dumps(recorded, indent=1) + "\n")


def to_json(array):
    array = np.asarray(array)
    if array.dtype == object or array.dtype.kind in "SU":
        values = [base64.b64encode(v if isinstance(v, bytes) else str(v).encode()).decode() for v in array.reshape(-1)]
        return {"dtype": "string", "shape": list(array.shape), "values": values}
    return {"dtype": array.dtype.name, "shape": list(array.shape),
            "values": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def answers(folder, requests, tags):
    recorded = []
    for signature, inputs, *rest in requests:
        kind = rest[0] if rest else "predict"
        full = {**inputs, **(rest[1] if len(rest) > 1 else {})}
        with v1.Graph().as_default(), v1.Session() as session:
            meta_graph = v1.saved_model.load(session, tags, str(folder))
            definition = meta_graph.signature_def[signature]
            feeds = {definition.inputs[name].name: value for name, value in full.items()}
            fetches = {name: tensor.name for name, tensor in definition.outputs.items()}
            outputs = session.run(fetches, feeds)
        recorded.append({
            "signature": signature, "kind": kind,
            "inputs": {name: to_json(value) for name, value in inputs.items()},
            "outputs": {name: to_json(value) for name, value in sorted(outputs.items())},
        })
    return recorded


def main(names):
    for name, make in MODELS.items():
        if names and name not in names:
            continue
        v1.reset_default_graph()
        folder = HERE / name / "1"
        shutil.rmtree(HERE / name, ignore_errors=True)
        requests = make(folder)
        (folder / "fingerprint.pb").unlink(missing_ok=True)
        for empty in [p for p in folder.iterdir() if p.is_dir() and not any(p.iterdir())]:
            empty.rmdir()

        def strip(meta_graph):
            # What only debuggers and TensorFlow's own loader need.
            for nodes in [meta_graph.graph_def.node, *[f.node_def for f in meta_graph.graph_def.library.function]]:
                for node in nodes:
                    node.ClearField("experimental_debug_info")
        tags = ["serve", "gpu"] if name == "other_tags" else ["serve"]
        recorded = answers(folder, requests, tags)
        edit(folder, strip)
        (HERE / name / "answers.json").write_text(json.dumps(recorded, indent=1) + "\n")
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        print(name, size, "bytes", len(recorded), "requests", flush=True)
        assert size < BYTES_MAX, f"{name} is too large"


    if not names or "tflite" in names:
        make_tflite()


if __name__ == "__main__":
    main(sys.argv[1:])
