"""The Python peer: a minimal Predict server with grpcio and OpenVINO's Python package.

    python_peer.py MODEL.xml PORT PROTOS
"""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import grpc_tools
import numpy as np
import openvino as ov
from grpc_tools import protoc

model, port, protos = sys.argv[1:]
made = tempfile.mkdtemp()
files = [str(path) for path in Path(protos).glob("tensorflow*/**/*.proto")]
includes = [f"-I{protos}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
assert protoc.main(["protoc", *includes, f"--python_out={made}", f"--grpc_python_out={made}", *files]) == 0
sys.path.insert(0, made)
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

compiled = ov.Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
workers = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
requests = [compiled.create_infer_request() for _ in range(workers)]


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def Predict(self, request, context):
        tensor = request.inputs["x"]
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        x = np.frombuffer(tensor.tensor_content, np.float32) if tensor.tensor_content else np.array(tensor.float_val, np.float32)
        infer = requests.pop()
        try:
            y = infer.infer([x.reshape(shape)])[0]
            response = predict_pb2.PredictResponse()
            out = response.outputs["y"]
            out.dtype = types_pb2.DT_FLOAT
            out.tensor_content = y.tobytes()
            for size in y.shape:
                out.tensor_shape.dim.add(size=size)
        finally:
            requests.append(infer)
        response.model_spec.CopyFrom(request.model_spec)
        return response


server = grpc.server(
    ThreadPoolExecutor(workers),
    options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
)
prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(), server)
server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
server.wait_for_termination()
