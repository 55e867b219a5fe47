"""KServe's clients against a server. In a program of its own: both packages define the messages of the protocol.

    kserve_client.py GRPC_ADDRESS REST_ADDRESS

The server serves half_plus_two of models/.
"""

import sys

import numpy as np
from checks import check_equal, check_same, run
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

GRPC, REST = sys.argv[1:3]


def kserve_request(model, *values):
    tensor = InferInput("x", [len(values)], "FP32")
    tensor.set_data_from_numpy(np.array(values, np.float32), binary_data=False)
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="k")


async def kserve_rest():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    base = f"http://{REST}"
    assert await client.is_server_live(base) and await client.is_server_ready(base)
    assert await client.is_model_ready(base, "half_plus_two")
    for binary in (False, True):
        tensor = InferInput("x", [2], "FP32")
        tensor.set_data_from_numpy(np.array([1, 2], np.float32), binary_data=binary)
        reply = await client.infer(base, InferRequest(model_name="half_plus_two", infer_inputs=[tensor], request_id="k"), model_name="half_plus_two")
        check_equal((reply.id, reply.model_name), ("k", "half_plus_two"))
        check_same("y", reply.outputs[0].as_numpy(), np.array([2.5, 3], np.float32))
    await client.close()


async def kserve_grpc():
    client = InferenceGRPCClient(GRPC)
    assert await client.is_server_live() and await client.is_server_ready() and await client.is_model_ready("half_plus_two")
    reply = await client.infer(kserve_request("half_plus_two", 1, 2))
    check_equal(reply.id, "k")
    check_same("y", reply.outputs[0].as_numpy(), np.array([2.5, 3], np.float32))
    await client.close()


run([("kserve.InferenceRESTClient", kserve_rest), ("kserve.InferenceGRPCClient", kserve_grpc)])
