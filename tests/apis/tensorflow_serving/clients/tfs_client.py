"""Asks a server through the published tensorflow-serving-api package, and compares with OpenVINO's own Python interface.

    tfs_client.py HOST:PORT NAME=MODEL.xml …

Every model gets random inputs of all its dtypes, as tensor_content and in typed fields, and must answer to the bit what OpenVINO
answers; models that take examples are asked through Classify or Regress too. Prints what differs and ends with 1 then.
"""

import sys
from pathlib import Path

import grpc
import numpy as np
import openvino as ov

sys.path.insert(0, str(Path(__file__).parent))
from published_api import (  # noqa: E402
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
    tensor_pb2,
    types_pb2,
)

SEED = 20260730
BATCH = 5

address, *models = sys.argv[1:]

# OpenVINO's element type: TensorFlow's dtype, the field of its values, how numpy sees the memory and a value in that field.
DTYPES = {
    "f16": (types_pb2.DT_HALF, "half_val", np.float16, np.uint16),
    "bf16": (types_pb2.DT_BFLOAT16, "half_val", np.uint16, np.uint16),
    "f32": (types_pb2.DT_FLOAT, "float_val", np.float32, np.float32),
    "f64": (types_pb2.DT_DOUBLE, "double_val", np.float64, np.float64),
    "i8": (types_pb2.DT_INT8, "int_val", np.int8, np.int8),
    "i16": (types_pb2.DT_INT16, "int_val", np.int16, np.int16),
    "i32": (types_pb2.DT_INT32, "int_val", np.int32, np.int32),
    "i64": (types_pb2.DT_INT64, "int64_val", np.int64, np.int64),
    "u8": (types_pb2.DT_UINT8, "int_val", np.uint8, np.uint8),
    "u16": (types_pb2.DT_UINT16, "int_val", np.uint16, np.uint16),
    "u32": (types_pb2.DT_UINT32, "uint32_val", np.uint32, np.uint32),
    "u64": (types_pb2.DT_UINT64, "uint64_val", np.uint64, np.uint64),
    "boolean": (types_pb2.DT_BOOL, "bool_val", np.bool_, np.bool_),
    "string": (types_pb2.DT_STRING, "string_val", None, None),
}

random = np.random.default_rng(SEED)
problems = []


def check(what, actual, expected):
    if actual != expected:
        problems.append(f"{what}: {actual!r}, expected {expected!r}")


def random_values(kind, shape):
    """Values as they lie in memory; integers as far as OpenVINO computes them."""
    dtype = DTYPES[kind][2]
    if kind == "string":
        return np.array([bytes(random.integers(97, 123, random.integers(0, 20)).tolist()).decode() for _ in range(np.prod(shape))])
    if kind == "boolean":
        return random.integers(0, 2, shape).astype(np.bool_)
    if kind == "bf16":
        return (random.standard_normal(shape).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    if np.issubdtype(dtype, np.floating):
        return (random.standard_normal(shape) * 100).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return random.integers(max(low, -(2**29)), min(high, 2**29), shape).astype(dtype)


def to_proto(kind, values, typed):
    number, field, _, in_field = DTYPES[kind]
    message = tensor_pb2.TensorProto(dtype=number)
    for size in values.shape:
        message.tensor_shape.dim.add(size=size)
    if kind == "string":
        message.string_val.extend(value.encode() for value in values.ravel())
    elif typed:
        getattr(message, field).extend(np.ascontiguousarray(values).view(in_field).ravel().tolist())
    else:
        message.tensor_content = values.tobytes()
    return message


def to_bytes(kind, message):
    """An answer's tensor as it would lie in memory, a list of them for strings."""
    number, field, _, in_field = DTYPES[kind]
    check("dtype", message.dtype, number)
    if kind == "string":
        return list(message.string_val)
    return message.tensor_content or np.array(getattr(message, field), in_field).tobytes()


def to_openvino(kind, values):
    if kind == "string":
        return ov.Tensor(values)
    tensor = ov.Tensor(getattr(ov.Type, kind), ov.Shape(values.shape))
    tensor.data.reshape(-1).view(np.uint8)[:] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return tensor


def from_openvino(kind, tensor):
    if kind == "string":
        return [value.encode() for value in np.asarray(tensor.str_data).ravel()]
    return np.ascontiguousarray(tensor.data).tobytes()


def kind_of(port):
    return port.element_type.get_type_name()


def infer(compiled, inputs):
    request = compiled.create_infer_request()
    for port in compiled.inputs:
        name = port.any_name
        request.set_tensor(port, to_openvino(kind_of(port), inputs[name]))
    request.infer()
    return {port: request.get_tensor(port) for port in compiled.outputs}


def ask(prediction, name, compiled):
    inputs = {}
    for port in compiled.inputs:
        shape = [BATCH if dimension.is_dynamic else dimension.get_length() for dimension in port.partial_shape]
        inputs[port.any_name] = random_values(kind_of(port), shape)
    expected = infer(compiled, inputs)
    for typed in (False, True):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        for port in compiled.inputs:
            request.inputs[port.any_name].CopyFrom(to_proto(kind_of(port), inputs[port.any_name], typed))
        answer = prediction.Predict(request, timeout=60)
        check(f"{name}: version", answer.model_spec.version.value, 1)
        check(f"{name}: signature", answer.model_spec.signature_name, "serving_default")
        check(f"{name}: number of outputs", len(answer.outputs), len(expected))
        for port, tensor in expected.items():
            # An output that is an input handed through has its name.
            output = answer.outputs[port.any_name]
            check(f"{name}: shape of {port.any_name}", [dim.size for dim in output.tensor_shape.dim], list(tensor.shape))
            check(f"{name}: {port.any_name}", to_bytes(kind_of(port), output), from_openvino(kind_of(port), tensor))


def ask_metadata(prediction, name, compiled):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = name
    answer = prediction.GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    check(f"{name}: signatures", list(signatures.signature_def), ["serving_default"])
    signature = signatures.signature_def["serving_default"]
    check(f"{name}: method", signature.method_name, "tensorflow/serving/predict")
    for ports, infos in ((compiled.inputs, signature.inputs), (compiled.outputs, signature.outputs)):
        check(f"{name}: names", sorted(infos), sorted(port.any_name for port in ports))
        for port in ports:
            info = infos[port.any_name]
            check(f"{name}: dtype of {port.any_name}", info.dtype, DTYPES[kind_of(port)][0])
            sizes = [-1 if dimension.is_dynamic else dimension.get_length() for dimension in port.partial_shape]
            check(f"{name}: shape of {port.any_name}", [dim.size for dim in info.tensor_shape.dim], sizes)


def ask_status(service, name):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    (version,) = service.GetModelStatus(request, timeout=60).model_version_status
    check(f"{name}: version", version.version, 1)
    check(f"{name}: state", version.state, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    check(f"{name}: status", (version.status.error_code, version.status.error_message), (0, ""))


def fill(request, name):
    request.model_spec.name = name
    for number in (3, 70):
        feature = request.input.example_list.examples.add().features.feature["a"]
        feature.int64_list.value.append(number)
    examples = np.array([example.SerializeToString().decode() for example in request.input.example_list.examples])
    return {"inputs": examples}


def ask_classify(prediction, name, compiled):
    request = classification_pb2.ClassificationRequest()
    outputs = {port.any_name: tensor for port, tensor in infer(compiled, fill(request, name)).items()}
    answer = prediction.Classify(request, timeout=60)
    classes = [[(cl.label, cl.score) for cl in each.classes] for each in answer.result.classifications]
    labels = np.asarray(outputs["classes"].str_data)
    scores = outputs["scores"].data if "scores" in outputs else np.zeros(labels.shape, np.float32)
    check(f"{name}: classes", classes, [list(zip(*each)) for each in zip(labels.tolist(), scores.tolist())])


def ask_regress(prediction, name, compiled):
    request = regression_pb2.RegressionRequest()
    ((_, values),) = infer(compiled, fill(request, name)).items()
    answer = prediction.Regress(request, timeout=60)
    check(f"{name}: values", [each.value for each in answer.result.regressions], values.data.tolist())


core = ov.Core()
with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)]) as channel:
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    service = model_service_pb2_grpc.ModelServiceStub(channel)
    for argument in models:
        name, _, path = argument.partition("=")
        compiled = core.compile_model(path, "CPU")
        ask_status(service, name)
        ask_metadata(prediction, name, compiled)
        ask(prediction, name, compiled)
        outputs = {port.any_name for port in compiled.outputs}
        if "classes" in outputs:
            ask_classify(prediction, name, compiled)
        if outputs == {"outputs"}:
            ask_regress(prediction, name, compiled)

print("\n".join(problems) or f"{len(models)} models agree")
sys.exit(1 if problems else 0)
