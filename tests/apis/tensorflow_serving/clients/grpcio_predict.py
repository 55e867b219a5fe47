"""Predicts with grpcio and messages that protoc makes from this repository's protos.

    grpcio_predict.py HOST:PORT PROTOS MODEL < {"image": {"dtype": "float32", "shape": [1, 8, 8], "data": "base64"}}

Sends the inputs twice, as tensor_content and in typed fields, and prints both answers as reference.py prints its own.
"""

import base64
import json
import sys
import tempfile
from pathlib import Path

import grpc
import grpc_tools
import numpy as np
from grpc_tools import protoc

address, protos, model = sys.argv[1:]
inputs = {
    name: np.frombuffer(base64.b64decode(tensor["data"]), tensor["dtype"]).reshape(tensor["shape"])
    for name, tensor in json.load(sys.stdin).items()
}

with tempfile.TemporaryDirectory() as made:
    files = [str(path) for path in Path(protos).rglob("*.proto") if "grpc" not in path.relative_to(protos).parts]
    includes = [f"-I{protos}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    assert protoc.main(["protoc", *includes, f"--python_out={made}", f"--grpc_python_out={made}", *files]) == 0
    sys.path.insert(0, made)
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

DTYPES = {
    "float32": (types_pb2.DT_FLOAT, "float_val"),
    "float64": (types_pb2.DT_DOUBLE, "double_val"),
    "int32": (types_pb2.DT_INT32, "int_val"),
    "int64": (types_pb2.DT_INT64, "int64_val"),
}
FROM_DTYPE = {number: (name, field) for name, (number, field) in DTYPES.items()}


def proto(array, typed):
    dtype, field = DTYPES[str(array.dtype)]
    message = tensor_pb2.TensorProto(dtype=dtype)
    for size in array.shape:
        message.tensor_shape.dim.add(size=size)
    if typed:
        getattr(message, field).extend(array.ravel().tolist())
    else:
        message.tensor_content = array.tobytes()
    return message


def array(message):
    name, field = FROM_DTYPE[message.dtype]
    shape = [dim.size for dim in message.tensor_shape.dim]
    if message.tensor_content:
        return np.frombuffer(message.tensor_content, name).reshape(shape)
    return np.array(getattr(message, field), name).reshape(shape)


answers = []
with grpc.insecure_channel(address) as channel:
    service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    for typed in (False, True):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(proto(value, typed))
        answer = service.Predict(request, timeout=30)
        answers.append(
            {
                name: {
                    "dtype": str(value.dtype),
                    "shape": list(value.shape),
                    "data": base64.b64encode(value.tobytes()).decode(),
                }
                for name, value in ((name, array(tensor)) for name, tensor in answer.outputs.items())
            }
        )
json.dump(answers, sys.stdout)
