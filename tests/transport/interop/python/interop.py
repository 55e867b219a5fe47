"""What the two Python clients share: their arguments TARGET ROOTS CHECK..., the stubs made from interop.proto, and what they expect of answers."""

import json
import sys
from pathlib import Path

import grpc
import grpc_tools

target, roots, *checks = sys.argv[1:]

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(grpc_tools.__file__).parent / "_proto")]
services = grpc.services("interop.proto")
from google.protobuf.wrappers_pb2 import BytesValue, StringValue  # noqa: E402

SMALL = [0, 1, 100, 16_379, 16_384, 65_536]
LARGE = (16 << 20) + 7
TOO_LARGE = 32 << 20
SENTENCE = "Das Modell „Ziffern“ ist 100% 模型 🙂\nline two"
METADATA = (
    ("x-text", "plain text, with = ; and %20"),
    ("x-more", "1"),
    ("x-more", "2"),
    ("x-data-bin", bytes([0, 1, 2, 253, 254, 255])),
    ("x-rest-bin", bytes([255])),
)
DESCRIBED = [
    "x-text: plain text, with = ; and %20",
    "x-more: 1",
    "x-more: 2",
    "x-data-bin: 000102fdfeff",
    "x-rest-bin: ff",
]
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]
KEEPALIVE = [
    ("grpc.keepalive_time_ms", 100),
    ("grpc.keepalive_timeout_ms", 1000),
    ("grpc.http2.max_pings_without_data", 0),
]
KEEPALIVE_SECONDS = 3




def pattern(length):
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def failures():
    """Each code but OK, and the request that brings it about."""
    return [(code, f"{code.value[0]} {SENTENCE}") for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


def flood():
    return [f"flood-{i} {1 << 20}" for i in range(100)]


def expect(holds, sentence):
    if not holds:
        raise AssertionError(sentence)


def expect_status(error, code, details):
    expect(error.code() == code, f"{error.code()}: {error.details()}, expected {code}")
    expect(details in (None, error.details()), f"details {error.details()!r}")


def expect_given_up(answer):
    expect(answer.value in ("CANCELLED", "DEADLINE_EXCEEDED"), f"the server saw {answer.value}")


def expect_cancelled(answer):
    expect(answer.value == "CANCELLED", f"the server saw {answer.value}")


def expect_gzip(description):
    for line in ("grpc-encoding: gzip", "compressed reply: true"):
        expect(line in description.value.split("\n"), f"no {line!r} in {description.value!r}")


def expect_metadata(description):
    for line in DESCRIBED:
        expect(line in description.value.split("\n"), f"no {line!r} in {description.value!r}")


def report(check, error=None):
    print(json.dumps({"check": check, "error": None if error is None else repr(error)}), flush=True)
