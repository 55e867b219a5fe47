"""The messages and services of the published tensorflow-serving-api package, without TensorFlow.

The messages of TensorFlow that the package needs are made from this repository's protos, since TensorFlow itself is half a
gigabyte. Importing this module ends the program with 75 when the package cannot be had.
"""

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).parents[4]
PROTOS = ROOT / "protos"
WHEELS = ROOT / ".ovserve" / "wheels"

sys.path.insert(0, str(Path(__file__).parent.parent))
import compare_protos  # noqa: E402

compare_protos.download(str(WHEELS))

_made = tempfile.TemporaryDirectory()
_files = [str(path) for path in (PROTOS / "tensorflow").rglob("*.proto")]
_includes = [f"-I{PROTOS}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
assert protoc.main(["protoc", *_includes, f"--python_out={_made.name}", *_files]) == 0
sys.path.insert(0, _made.name)
(_published,) = WHEELS.glob("tensorflow_serving_api-*.whl")
sys.path.insert(0, str(_published))

from tensorflow.core.example import example_pb2  # noqa: E402, F401
from tensorflow.core.framework import tensor_pb2, types_pb2  # noqa: E402, F401
from tensorflow.core.protobuf import error_codes_pb2  # noqa: E402

# TensorFlow's own file only passes on the codes of another, which the package looks for.
error_codes_pb2.xla_dot_tsl_dot_protobuf_dot_error__codes__pb2 = error_codes_pb2

from tensorflow_serving.apis import (  # noqa: E402, F401
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
