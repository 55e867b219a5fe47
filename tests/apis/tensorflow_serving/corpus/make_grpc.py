"""Makes grpc.json: requests as clients of TensorFlow Serving write them, and the bytes or the status it answers with.

    .ovserve/python/bin/python tests/apis/tensorflow_serving/corpus/make_grpc.py

Both sides are encoded by the published tensorflow-serving-api package; what the answers say stands in TensorFlow Serving's
sources, documentation and tests, which each case names. The model is half_plus_two: x f32 [?] → y = x / 2 + 2, version 1.
"""

import json
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "clients"))
from published_api import (  # noqa: E402
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
    tensor_pb2,
    types_pb2,
)

PREDICTION = "/tensorflow.serving.PredictionService/"
MODEL = "/tensorflow.serving.ModelService/"
NAME = "half_plus_two"
INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED = 3, 5, 9, 12
# Fields nobody knows: a number, a string and a group.
UNKNOWN_FIELDS = bytes.fromhex("f83f2a" "82400568656c6c6f" "8b4008018c40")

cases = []


def add(name, source, path, request, reply=None, status=None, message=None):
    case = {"name": name, "source": source, "path": path}
    case["request"] = (request if isinstance(request, bytes) else request.SerializeToString(deterministic=True)).hex()
    if reply is not None:
        case["reply"] = reply.SerializeToString(deterministic=True).hex()
    else:
        case["status"] = status
        case["message"] = message
    cases.append(case)


def floats(values, shape=None, **fields):
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, **fields)
    tensor.float_val.extend(values)
    for size in [len(values)] if shape is None else shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def request(tensor=None, **fields):
    message = predict_pb2.PredictRequest(**fields)
    message.model_spec.name = NAME
    if tensor is not None:
        message.inputs["x"].CopyFrom(tensor)
    return message


def reply(*values):
    message = predict_pb2.PredictResponse()
    message.outputs["y"].CopyFrom(floats(values))
    message.model_spec.name = NAME
    message.model_spec.version.value = 1
    message.model_spec.signature_name = "serving_default"
    return message


def predicts():
    predict = PREDICTION + "Predict"
    add(
        "the example of the front page",
        "README.md (instances 1.0, 2.0, 5.0 give 2.5, 3.0, 4.5)",
        predict,
        request(floats([1, 2, 5])),
        reply(2.5, 3, 4.5),
    )
    add(
        "the integration test's Predict",
        "tensorflow_serving/model_servers/tensorflow_model_server_test_base.py VerifyPredictRequest",
        predict,
        request(floats([2])),
        reply(3),
    )
    content = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=struct.pack("<3f", 1, 2, 5))
    content.tensor_shape.dim.add(size=3)
    from_proto = "tensorflow/core/framework/tensor.cc FromProto"
    add("tensor_content", from_proto, predict, request(content), reply(2.5, 3, 4.5))
    add("one value for the whole shape", from_proto, predict, request(floats([2], [3])), reply(3, 3, 3))
    add("no values for a shape", from_proto, predict, request(floats([], [2])), reply(2, 2))
    add("no elements", from_proto, predict, request(floats([], [0])), reply())
    named = request()
    named.inputs["x"].CopyFrom(floats([2]))
    named.inputs["x"].tensor_shape.dim[0].name = "batch"
    add("a dimension with a name", from_proto, predict, named, reply(3))
    unpacked = bytes.fromhex("0801" "12041202080" "2") + b"\x2d" + struct.pack("<f", 2) + b"\x2d" + struct.pack("<f", 4)
    entry = b"\x0a\x01x\x12" + bytes([len(unpacked)]) + unpacked
    raw = request().SerializeToString() + b"\x12" + bytes([len(entry)]) + entry
    add("values each with a tag", "protobuf: parsers take packed and single values alike", predict, raw, reply(3, 4))
    twice = request(floats([9])).SerializeToString() + request(floats([2])).SerializeToString()
    add("a name twice: the last counts", "protobuf: the last of two entries of a map", predict, twice, reply(3))
    unknown = request(floats([2])).SerializeToString() + UNKNOWN_FIELDS
    add("fields nobody knows", "protobuf: parsers keep what they do not know", predict, unknown, reply(3))
    options = request(floats([2]), client_id=b"\xff\x00id")
    options.predict_streamed_options.request_state = predict_pb2.PredictStreamedOptions.SPLIT
    add("fields of streams and clients", "apis/predict.proto fields 5 to 7", predict, options, reply(3))
    filtered = request(floats([2]), output_filter=["y"])
    add("an output filter", "servables/tensorflow/predict_util.cc PreProcessPrediction", predict, filtered, reply(3))
    odd = request(floats([2]))
    odd.inputs["x"].dtype = 9999
    # TensorFlow Serving's sentence does not name the dtype.
    add("a dtype nobody knows", from_proto, predict, odd, status=INVALID_ARGUMENT)
    add(
        "no dtype",
        from_proto,
        predict,
        request(tensor_pb2.TensorProto(float_val=[2])),
        status=INVALID_ARGUMENT,
        message="tensor parsing error: x",
    )
    add(
        "an empty message",
        "servables/tensorflow/predict_impl.cc Predict",
        predict,
        b"",
        status=INVALID_ARGUMENT,
        message="Missing ModelSpec",
    )
    labelled = request(floats([2]))
    labelled.model_spec.version.value = 1
    # Of the two choices the one that comes last counts.
    both = labelled.SerializeToString() + b"\x0a\x06\x22\x04none"
    add(
        "a version and a label: the last counts",
        "apis/model.proto version_choice",
        predict,
        both,
        status=INVALID_ARGUMENT,
        message="Unrecognized servable version label: none",
    )
    long_name = request(floats([2]))
    long_name.model_spec.signature_name = "s" * 2000
    sentence = f'Serving signature key "{"s" * 2000}" not found.'
    add(
        "a long sentence is cut",
        "model_servers/grpc_status_util.cc ToGRPCStatus",
        predict,
        long_name,
        status=FAILED_PRECONDITION,
        message=f"{sentence[:1024]}...TRUNCATED",
    )


def others():
    status_request = get_model_status_pb2.GetModelStatusRequest()
    status_request.model_spec.name = NAME
    status = get_model_status_pb2.GetModelStatusResponse()
    version = status.model_version_status.add(version=1, state=get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    version.status.SetInParent()
    source = "tensorflow_serving/model_servers/tensorflow_model_server_test.py testGetModelStatus"
    add("a status", source, MODEL + "GetModelStatus", status_request, status)
    metadata_request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata_request.model_spec.name = NAME
    metadata = get_model_metadata_pb2.GetModelMetadataResponse()
    metadata.model_spec.name = NAME
    metadata.model_spec.version.value = 1
    signatures = get_model_metadata_pb2.SignatureDefMap()
    signature = signatures.signature_def["serving_default"]
    signature.method_name = "tensorflow/serving/predict"
    for infos, name in ((signature.inputs, "x"), (signature.outputs, "y")):
        infos[name].name = name
        infos[name].dtype = types_pb2.DT_FLOAT
        infos[name].tensor_shape.dim.add(size=-1)
    metadata.metadata["signature_def"].Pack(signatures)
    source = "servables/tensorflow/get_model_metadata_impl_test.cc ReturnsSignaturesForValidModel"
    add("metadata", source, PREDICTION + "GetModelMetadata", metadata_request, metadata)
    for method, message in (
        ("Classify", classification_pb2.ClassificationRequest()),
        ("Regress", regression_pb2.RegressionRequest()),
    ):
        source = f"servables/tensorflow/{'classification' if method == 'Classify' else 'regression'}_service.cc"
        add(f"an empty {method}", source, PREDICTION + method, message, status=INVALID_ARGUMENT, message="Missing ModelSpec")
    add(
        "an empty MultiInference",
        "servables/tensorflow/multi_inference_helper.cc",
        PREDICTION + "MultiInference",
        inference_pb2.MultiInferenceRequest(),
        status=INVALID_ARGUMENT,
        message="ModelSpec has no name specified.",
    )
    add(
        "a reload without a list of models",
        "model_servers/model_service_impl.cc HandleReloadConfigRequest",
        MODEL + "HandleReloadConfigRequest",
        model_management_pb2.ReloadConfigRequest(),
        status=INVALID_ARGUMENT,
        message="ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported",
    )
    # Other servers have no such service either; what they say of it is gRPC's own affair.
    add(
        "a session",
        "model_servers/server.cc (SessionService is not registered)",
        "/tensorflow.serving.SessionService/SessionRun",
        b"",
        status=UNIMPLEMENTED,
    )


predicts()
others()
(Path(__file__).parent / "grpc.json").write_text(json.dumps(cases, indent=2, ensure_ascii=False) + "\n")
print(f"{len(cases)} cases")
