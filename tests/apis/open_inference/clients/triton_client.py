"""Triton's clients against a server.

    triton_client.py GRPC_ADDRESS REST_ADDRESS

The server serves half_plus_two, mixed and digits of models/.
"""

import queue
import sys

import ml_dtypes
import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from checks import check_equal, check_same, run
from tritonclient.utils import InferenceServerException

GRPC, REST = sys.argv[1:3]

# Each dtype at its bounds, by the name of mixed's tensors.
VALUES = {
    "f16": ("FP16", np.array([65504, -(2.0**-24)], np.float16)),
    "bf16": ("BF16", np.array([1.5, -2.0], ml_dtypes.bfloat16)),
    "f32": ("FP32", np.array([3.4028235e38, -0.1], np.float32)),
    "f64": ("FP64", np.array([1e300, 0.1], np.float64)),
    "i8": ("INT8", np.array([-128, 127], np.int8)),
    "i16": ("INT16", np.array([-32768, 32767], np.int16)),
    "i32": ("INT32", np.array([-(2**31), 2**31 - 1], np.int32)),
    "i64": ("INT64", np.array([-(2**63), 2**63 - 1], np.int64)),
    "u8": ("UINT8", np.array([0, 255], np.uint8)),
    "u16": ("UINT16", np.array([0, 65535], np.uint16)),
    "u32": ("UINT32", np.array([0, 2**32 - 1], np.uint32)),
    "u64": ("UINT64", np.array([0, 2**64 - 1], np.uint64)),
    "bool": ("BOOL", np.array([True, False])),
    "string": ("BYTES", np.array([b"", "n\u00e4ive \u4e16".encode()], np.object_)),
}


def triton_inputs(client, names=tuple(VALUES), **options):
    inputs = []
    for name in names:
        datatype, values = VALUES[name]
        tensor = client.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values, **options)
        inputs.append(tensor)
    return inputs


def half_input(client, *values):
    tensor = client.InferInput("x", [len(values)], "FP32")
    tensor.set_data_from_numpy(np.array(values, np.float32))
    return [tensor]


def check_all_dtypes(result):
    for name, (_, values) in VALUES.items():
        check_same(name, result.as_numpy(name), values)


def check_unknown_model(error):
    assert "Request for unknown model: 'none' is not found" in str(error), error


def check_names(client):
    """What the clients of both protocols read of a server and its models."""
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("mixed") and client.is_model_ready("mixed", "1")
    assert not client.is_model_ready("none") and not client.is_model_ready("mixed", "9")


def grpc_sync():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        check_names(client)
        metadata = client.get_server_metadata()
        check_equal(metadata.name, "ovserve")
        assert "binary_tensor_data" in metadata.extensions
        model = client.get_model_metadata("mixed")
        check_equal({tensor.name: tensor.datatype for tensor in model.inputs}, {n: d for n, (d, _) in VALUES.items()})
        check_equal(client.get_model_config("half_plus_two", as_json=True)["config"]["input"][0]["name"], "x")
        check_all_dtypes(client.infer("mixed", triton_inputs(triton_grpc)))
        result = client.infer("half_plus_two", half_input(triton_grpc, 1, 2), request_id="7", model_version="1")
        check_same("y", result.as_numpy("y"), np.array([2.5, 3], np.float32))
        check_equal(result.get_response().id, "7")
        outputs = [triton_grpc.InferRequestedOutput("i32")]
        check_equal([o.name for o in client.infer("mixed", triton_inputs(triton_grpc), outputs=outputs).get_response().outputs], ["i32"])
        check_equal(client.infer("half_plus_two", half_input(triton_grpc), compression_algorithm="gzip").as_numpy("y").shape, (0,))
        entries = client.get_model_repository_index(as_json=True)["models"]
        check_equal({entry["state"] for entry in entries}, {"READY"})
        statistics = client.get_inference_statistics("half_plus_two", as_json=True)["model_stats"]
        assert int(statistics[0]["inference_count"]) >= 2, statistics
        try:
            client.infer("none", half_input(triton_grpc, 1))
            raise AssertionError("no error")
        except InferenceServerException as error:
            check_equal(error.status(), "StatusCode.NOT_FOUND")
            check_unknown_model(error)
        done = queue.Queue()
        client.async_infer("half_plus_two", half_input(triton_grpc, 4), lambda result, error: done.put((result, error)))
        result, error = done.get(timeout=30)
        assert error is None, error
        check_same("y", result.as_numpy("y"), np.array([4], np.float32))


def grpc_classification():
    with triton_grpc.InferenceServerClient(GRPC) as client:
        image = triton_grpc.InferInput("image", [1, 8, 8], "FP32")
        image.set_data_from_numpy(np.full([1, 8, 8], 8, np.float32))
        plain = client.infer("digits", [image]).as_numpy("probabilities")[0]
        output = triton_grpc.InferRequestedOutput("probabilities", class_count=3)
        classes = client.infer("digits", [image], outputs=[output]).as_numpy("probabilities")
        check_equal(classes.shape, (1, 3))
        best = np.argsort(-plain, kind="stable")[:3]
        check_equal([int(entry.decode().split(":")[1]) for entry in classes[0]], best.tolist())


def grpc_stream():
    answers = queue.Queue()
    with triton_grpc.InferenceServerClient(GRPC) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        for i in range(100):
            client.async_stream_infer("none" if i % 10 == 3 else "half_plus_two", half_input(triton_grpc, i), request_id=str(i))
        for i in range(100):
            result, error = answers.get(timeout=30)
            if i % 10 == 3:
                check_unknown_model(error)
            else:
                assert error is None, error
                check_equal(result.get_response().id, str(i))
                check_same("y", result.as_numpy("y"), np.array([i / 2 + 2], np.float32))
        client.stop_stream()


async def grpc_aio():
    async with triton_grpc_aio.InferenceServerClient(GRPC) as client:
        assert await client.is_server_ready() and await client.is_model_ready("mixed")
        check_all_dtypes(await client.infer("mixed", triton_inputs(triton_grpc)))

        async def requests():
            for i in range(20):
                yield {"model_name": "half_plus_two", "inputs": half_input(triton_grpc, i), "request_id": str(i)}

        seen = []
        async for result, error in client.stream_infer(requests()):
            assert error is None, error
            seen.append(result.get_response().id)
        check_equal(seen, [str(i) for i in range(20)])


def http_sync():
    with triton_http.InferenceServerClient(REST) as client:
        check_names(client)
        check_equal(client.get_server_metadata()["name"], "ovserve")
        check_equal(client.get_model_metadata("half_plus_two")["inputs"], [{"name": "x", "datatype": "FP32", "shape": [-1]}])
        check_equal(client.get_model_config("half_plus_two")["max_batch_size"], 0)
        check_equal(len(client.get_model_repository_index()), 3)
        assert client.get_inference_statistics("mixed")["model_stats"]
        outputs = [triton_http.InferRequestedOutput(name, binary_data=True) for name in VALUES]
        check_all_dtypes(client.infer("mixed", triton_inputs(triton_http), outputs=outputs))
        as_json = [name for name in VALUES if name not in ("f16", "bf16")]
        inputs = triton_inputs(triton_http, ["f16", "bf16"]) + triton_inputs(triton_http, as_json, binary_data=False)
        outputs = [triton_http.InferRequestedOutput(name, binary_data=name in ("f16", "bf16")) for name in VALUES]
        check_all_dtypes(client.infer("mixed", inputs, outputs=outputs))
        for algorithm in ("gzip", "deflate"):
            options = dict(request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
            numbers = list(range(20000))
            result = client.infer("half_plus_two", half_input(triton_http, *numbers), **options)
            check_same("y", result.as_numpy("y"), np.array(numbers, np.float32) / 2 + 2)
        try:
            client.infer("none", half_input(triton_http, 1))
            raise AssertionError("no error")
        except InferenceServerException as error:
            check_unknown_model(error)
        request = client.async_infer("half_plus_two", half_input(triton_http, 6))
        check_same("y", request.get_result().as_numpy("y"), np.array([5], np.float32))


async def http_aio():
    async with triton_http_aio.InferenceServerClient(REST) as client:
        assert await client.is_server_ready() and await client.is_model_ready("mixed")
        outputs = [triton_http.InferRequestedOutput(name, binary_data=True) for name in VALUES]
        check_all_dtypes(await client.infer("mixed", triton_inputs(triton_http), outputs=outputs))


run([
    ("tritonclient.grpc", grpc_sync),
    ("tritonclient.grpc with classification", grpc_classification),
    ("tritonclient.grpc with a stream", grpc_stream),
    ("tritonclient.grpc.aio", grpc_aio),
    ("tritonclient.http", http_sync),
    ("tritonclient.http.aio", http_aio),
])
