"""Loads and unloads a model with Triton's clients while others are asked: none of their requests may fail.

    triton_repository.py GRPC_ADDRESS REST_ADDRESS

The server has half_plus_two, which is loaded, and tiny, which is not.
"""

import sys
import threading

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from checks import check_equal, check_same, run
from tritonclient.utils import InferenceServerException

GRPC, REST = sys.argv[1:3]
ROUNDS = 5


def tensor(client, shape, value):
    filled = client.InferInput("x", shape, "FP32")
    filled.set_data_from_numpy(np.full(shape, value, np.float32))
    return [filled]


class Asking:
    """Asks half_plus_two on a thread until it is left, over a connection of its own."""

    def __enter__(self):
        self.answers, self.errors, self.has_ended = 0, [], False
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()
        return self

    def ask(self):
        with triton_grpc.InferenceServerClient(GRPC) as client:
            while not self.has_ended:
                try:
                    result = client.infer("half_plus_two", tensor(triton_grpc, [1], 1))
                    check_same("y", result.as_numpy("y"), np.array([2.5], np.float32))
                    self.answers += 1
                except Exception as error:
                    self.errors.append(repr(error))

    def __exit__(self, *_):
        self.has_ended = True
        self.thread.join()


def load_and_unload(library, address):
    with library.InferenceServerClient(address) as client, Asking() as asking:
        for _ in range(ROUNDS):
            assert not client.is_model_ready("tiny")
            client.load_model("tiny")
            assert client.is_model_ready("tiny")
            check_same("y", client.infer("tiny", tensor(library, [1, 1], 3)).as_numpy("y"), np.array([[7]], np.float32))
            client.unload_model("tiny")
            try:
                client.infer("tiny", tensor(library, [1, 1], 3))
                raise AssertionError("an unloaded model answers")
            except InferenceServerException as error:
                assert "unknown model" in str(error), error
        try:
            client.load_model("no_such")
            raise AssertionError("an unknown model loads")
        except InferenceServerException as error:
            assert "no_such" in str(error), error
    check_equal(asking.errors, [])
    assert asking.answers > ROUNDS, asking.answers


run([
    ("tritonclient.grpc loads and unloads under load", lambda: load_and_unload(triton_grpc, GRPC)),
    ("tritonclient.http loads and unloads under load", lambda: load_and_unload(triton_http, REST)),
])
