"""Asks a server over REST with requests and over gRPC with grpcio, and compares both with OpenVINO's own Python interface.

    rest_client.py URL HOST:PORT PROTOS NAME=MODEL.xml …

Every model gets random inputs of all its dtypes, in rows and in columns, and must answer to the bit what OpenVINO answers. The
server is to encode tensors as tensor_content. Prints what differs and ends with 1 then.
"""

import json
import sys
import tempfile
from pathlib import Path

import grpc
import grpc_tools
import numpy as np
import openvino as ov
import requests
from grpc_tools import protoc

SEED = 20261123
ROWS = 40

url, address, protos, *models = sys.argv[1:]

with tempfile.TemporaryDirectory() as made:
    files = [str(path) for path in Path(protos).rglob("*.proto") if "grpc" not in path.relative_to(protos).parts]
    includes = [f"-I{protos}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    assert protoc.main(["protoc", *includes, f"--python_out={made}", f"--grpc_python_out={made}", *files]) == 0
    sys.path.insert(0, made)
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# OpenVINO's element type: TensorFlow's dtype, and how numpy sees the memory; bf16 as the f32 that it is the upper half of.
DTYPES = {
    "f16": (types_pb2.DT_HALF, np.float16),
    "bf16": (types_pb2.DT_BFLOAT16, np.float32),
    "f32": (types_pb2.DT_FLOAT, np.float32),
    "f64": (types_pb2.DT_DOUBLE, np.float64),
    "i8": (types_pb2.DT_INT8, np.int8),
    "i16": (types_pb2.DT_INT16, np.int16),
    "i32": (types_pb2.DT_INT32, np.int32),
    "i64": (types_pb2.DT_INT64, np.int64),
    "u8": (types_pb2.DT_UINT8, np.uint8),
    "u16": (types_pb2.DT_UINT16, np.uint16),
    "u32": (types_pb2.DT_UINT32, np.uint32),
    "u64": (types_pb2.DT_UINT64, np.uint64),
    "boolean": (types_pb2.DT_BOOL, np.bool_),
    "string": (types_pb2.DT_STRING, np.str_),
}
# What JSON has no numbers for, and what is at the ends of the ranges.
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf]
WORDS = ["", "plain", 'a "quoted" \\ one', "naïve\n\t\u2028 😀", "{}[]", "\x01"]

random = np.random.default_rng(SEED)
problems = []


def check(what, actual, expected):
    if actual != expected:
        problems.append(f"{what}: {actual!r}, expected {expected!r}")


def kind_of(port):
    return port.element_type.get_type_name()


def random_values(kind, shape):
    dtype = DTYPES[kind][1]
    if kind == "string":
        return np.array([WORDS[i % len(WORDS)] for i in range(np.prod(shape))])
    if kind == "boolean":
        return random.integers(0, 2, shape).astype(np.bool_)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        values.reshape(-1)[:2] = limits.min, limits.max
        return values
    values = (random.standard_normal(shape) * 10.0 ** random.integers(-3, 4, shape)).astype(dtype)
    if len(shape) == 1:
        values[: len(SPECIAL)] = SPECIAL
    return to_brain(values) if kind == "bf16" else values


def to_brain(values):
    """The nearest numbers that bf16 has, half to even, as f32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(values), np.uint32(0x7FC00000), nearest).astype(np.uint32).view(np.float32)


def to_bytes(kind, values):
    """Values as they lie in a tensor's memory, a list of them for strings."""
    if kind == "string":
        return [str(value).encode() for value in np.asarray(values).ravel()]
    values = np.ascontiguousarray(values, DTYPES[kind][1])
    return (to_brain(values).view(np.uint32) >> 16).astype(np.uint16).tobytes() if kind == "bf16" else values.tobytes()


def split(content, count):
    """The strings of a tensor_content: first the lengths of all, here of one byte each, then the bytes of all."""
    ends = np.cumsum([count, *content[:count]]).tolist()
    return [content[begin:end] for begin, end in zip(ends, ends[1:])]


def infer(compiled, inputs):
    """For each output its dtype, shape and memory."""
    request = compiled.create_infer_request()
    for port in compiled.inputs:
        kind, values = kind_of(port), inputs[port.any_name]
        if kind == "string":
            tensor = ov.Tensor(values)
        else:
            tensor = ov.Tensor(getattr(ov.Type, kind), ov.Shape(values.shape))
            tensor.data.reshape(-1).view(np.uint8)[:] = np.frombuffer(to_bytes(kind, values), np.uint8)
        request.set_tensor(port, tensor)
    request.infer()
    outputs = {}
    for port in compiled.outputs:
        kind, tensor = kind_of(port), request.get_tensor(port)
        memory = to_bytes(kind, tensor.str_data) if kind == "string" else np.ascontiguousarray(tensor.data).tobytes()
        outputs[port.any_name] = (kind, list(tensor.shape), memory)
    return outputs


def compare(what, outputs, expected):
    """Compares what JSON holds."""
    named = outputs if len(expected) > 1 else {name: outputs for name in expected}
    check(f"{what}: outputs", list(named), list(expected))
    for name, (kind, shape, memory) in expected.items():
        values = np.array(named[name], DTYPES[kind][1])
        check(f"{what}: shape of {name}", list(values.shape), shape)
        check(f"{what}: {name}", to_bytes(kind, values), memory)


def ask_rest(session, name, inputs, expected):
    def predict(body):
        # Not with json=, which refuses what is no number.
        reply = session.post(f"{url}/v1/models/{name}:predict", data=json.dumps(body), timeout=60)
        if reply.status_code != 200:
            problems.append(f"{name}: {reply.status_code} {reply.text[:300]}")
            return None
        return reply.json()

    columns = {key: values.tolist() for key, values in inputs.items()}
    answer = predict({"signature_name": "serving_default", "inputs": columns})
    if answer is not None:
        compare(f"{name} in columns", answer["outputs"], expected)
    if len({shape[0] for _, shape, _ in expected.values()}) > 1:
        return
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    answer = predict({"instances": rows if len(columns) > 1 else next(iter(columns.values()))})
    if answer is not None:
        rows = answer["predictions"]
        outputs = {key: [row[key] for row in rows] for key in expected} if len(expected) > 1 else rows
        compare(f"{name} in rows", outputs, expected)


def ask_grpc(prediction, name, compiled, inputs, expected):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    for port in compiled.inputs:
        kind, values = kind_of(port), inputs[port.any_name]
        tensor = tensor_pb2.TensorProto(dtype=DTYPES[kind][0])
        for size in values.shape:
            tensor.tensor_shape.dim.add(size=size)
        if kind == "string":
            tensor.string_val.extend(to_bytes(kind, values))
        else:
            tensor.tensor_content = to_bytes(kind, values)
        request.inputs[port.any_name].CopyFrom(tensor)
    answer = prediction.Predict(request, timeout=60)
    check(f"{name} over gRPC: outputs", sorted(answer.outputs), sorted(expected))
    for key, (kind, shape, memory) in expected.items():
        tensor = answer.outputs[key]
        check(f"{name} over gRPC: dtype of {key}", tensor.dtype, DTYPES[kind][0])
        check(f"{name} over gRPC: shape of {key}", [dim.size for dim in tensor.tensor_shape.dim], shape)
        content = tensor.tensor_content
        check(f"{name} over gRPC: {key}", split(content, len(memory)) if kind == "string" else content, memory)


core = ov.Core()
with grpc.insecure_channel(address) as channel, requests.Session() as session:
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    for argument in models:
        name, _, path = argument.partition("=")
        compiled = core.compile_model(path, "CPU")
        inputs = {}
        for port in compiled.inputs:
            shape = [ROWS if dimension.is_dynamic else dimension.get_length() for dimension in port.partial_shape]
            inputs[port.any_name] = random_values(kind_of(port), shape)
        expected = infer(compiled, inputs)
        ask_rest(session, name, inputs, expected)
        ask_grpc(prediction, name, compiled, inputs, expected)

print("\n".join(problems) or f"{len(models)} models agree")
sys.exit(1 if problems else 0)
