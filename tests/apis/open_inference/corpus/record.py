"""Records what a real Triton answers to requests of the Open Inference Protocol, into answers.json beside this file.

A throwaway environment has the server and its client:

    pip install nvidia-pytriton==0.7.0 tritonclient[grpc,http]==2.73.0
    python tests/apis/open_inference/corpus/triton_models.py /tmp/repository
    tritonserver --model-repository /tmp/repository --http-port 18000 --grpc-port 18001
    python tests/apis/open_inference/corpus/record.py 127.0.0.1:18000 127.0.0.1:18001

`tritonserver` and its Python backend are in the package's folder `tritonserver/`; the stub of the backend that
belongs to the Python in use lies in `python_backend_stubs/` there and is copied beside the backend first.
"""

import base64
import gzip
import http.client
import json
import struct
import sys
import zlib
from pathlib import Path

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from tritonclient.grpc import service_pb2

LENGTH_HEADER = "Inference-Header-Content-Length"
# Headers of a reply that are part of the protocol.
KEPT_HEADERS = ("content-type", "content-encoding", LENGTH_HEADER.lower())


def b64(data):
    return base64.b64encode(data).decode()


def tensor(name, datatype, shape, data=None, **fields):
    described = {"name": name, "datatype": datatype, "shape": shape, **fields}
    return described if data is None else {**described, "data": data}


def json_case(name, path, request, headers=None):
    body = request if isinstance(request, str) else json.dumps(request)
    return {"name": name, "method": "POST", "path": path, "headers": headers or {}, "body": b64(body.encode())}


def binary_case(name, path, request, binary, headers=None, length=None):
    head = json.dumps(request).encode()
    all_headers = {LENGTH_HEADER: str(len(head) if length is None else length), **(headers or {})}
    return {"name": name, "method": "POST", "path": path, "headers": all_headers, "body": b64(head + binary)}


def get(name, path):
    return {"name": name, "method": "GET", "path": path, "headers": {}, "body": ""}


def mixed_json(**other):
    values = {
        "f16": [1.5, -2.25],
        "f32": [1.5, -0.1],
        "f64": [1e300, 0.1],
        "i8": [-128, 127],
        "i16": [-32768, 32767],
        "i32": [-2147483648, 2147483647],
        "i64": [-9223372036854775808, 9223372036854775807],
        "u8": [0, 255],
        "u16": [0, 65535],
        "u32": [0, 4294967295],
        "u64": [0, 18446744073709551615],
        "bool": [True, False],
        "string": ["a", "\u00e9\u4e16"],
        **other,
    }
    datatypes = dict(f16="FP16", f32="FP32", f64="FP64", i8="INT8", i16="INT16", i32="INT32", i64="INT64", u8="UINT8")
    datatypes |= dict(u16="UINT16", u32="UINT32", u64="UINT64", bool="BOOL", string="BYTES")
    return values, datatypes


PACKED = dict(f16="e", f32="f", f64="d", i8="b", i16="h", i32="i", i64="q", u8="B", u16="H", u32="I", u64="Q", bool="?")


def packed(name, values):
    if name == "string":
        return b"".join(struct.pack("<I", len(v.encode())) + v.encode() for v in values)
    return struct.pack(f"<{len(values)}{PACKED[name]}", *values)


def rest_cases():
    half, mixed, tiny = "/v2/models/half_plus_two/infer", "/v2/models/mixed/infer", "/v2/models/tiny/infer"
    x = tensor("x", "FP32", [3], [1, 2, 3])
    values, datatypes = mixed_json()
    no_f16 = [n for n in values if n != "f16"]
    mixed_inputs = [tensor(n, datatypes[n], [2], values[n]) for n in no_f16]
    raw = {n: packed(n, values[n]) for n in values}
    binary_inputs = [
        tensor(n, datatypes[n], [2], parameters={"binary_data_size": len(raw[n])}) for n in values
    ]
    three = struct.pack("<3f", 1, 2, 3)
    binary_x = tensor("x", "FP32", [3], parameters={"binary_data_size": 12})
    yield get("server live", "/v2/health/live")
    yield get("server ready", "/v2/health/ready")
    yield get("model ready", "/v2/models/half_plus_two/ready")
    yield get("version ready", "/v2/models/half_plus_two/versions/1/ready")
    yield get("unknown model ready", "/v2/models/no_such/ready")
    yield get("unknown version ready", "/v2/models/half_plus_two/versions/7/ready")
    yield get("model metadata", "/v2/models/half_plus_two")
    yield get("version metadata", "/v2/models/mixed/versions/1")
    yield get("metadata of an unknown model", "/v2/models/no_such")
    yield get("metadata of an unknown version", "/v2/models/half_plus_two/versions/7")
    yield get("metadata of a version that is no number", "/v2/models/half_plus_two/versions/abc")
    yield get("model config", "/v2/models/half_plus_two/config")
    yield get("unknown path", "/v2/no_such")
    yield json_case("one input", half, {"inputs": [x]})
    yield json_case("a version", "/v2/models/half_plus_two/versions/1/infer", {"inputs": [x]})
    yield json_case("id and requested output", half, {"id": "42", "inputs": [x], "outputs": [{"name": "y"}]})
    yield json_case("nested data", tiny, {"inputs": [tensor("x", "FP32", [1, 1], [[3]])]})
    yield json_case("flat data for two dimensions", tiny, {"inputs": [tensor("x", "FP32", [1, 1], [3])]})
    yield json_case("no elements", half, {"inputs": [tensor("x", "FP32", [0], [])]})
    yield json_case("all datatypes but FP16 and FP16 missing", mixed, {"inputs": mixed_inputs})
    yield json_case("FP16 as JSON", mixed, {"inputs": [*mixed_inputs, tensor("f16", "FP16", [2], [1.5, 2])]})
    yield binary_case("all datatypes binary", mixed, {"inputs": binary_inputs}, b"".join(raw.values()))
    yield binary_case(
        "all datatypes binary in and out",
        mixed,
        {"inputs": binary_inputs, "parameters": {"binary_data_output": True}},
        b"".join(raw.values()),
    )
    yield binary_case(
        "one output binary, one as JSON",
        mixed,
        {
            "inputs": binary_inputs,
            "outputs": [{"name": "i32", "parameters": {"binary_data": True}}, {"name": "string"}],
        },
        b"".join(raw.values()),
    )
    yield json_case("JSON in, binary out", half, {"inputs": [x], "parameters": {"binary_data_output": True}})
    yield json_case(
        "binary out but for one output",
        half,
        {
            "inputs": [x],
            "parameters": {"binary_data_output": True},
            "outputs": [{"name": "y", "parameters": {"binary_data": False}}],
        },
    )
    yield binary_case("raw body", half, {}, three, length=0) | {"body": b64(three)}
    yield json_case("gzip", half, {"inputs": [x]}) | {
        "headers": {"Content-Encoding": "gzip"},
        "body": b64(gzip.compress(json.dumps({"inputs": [x]}).encode(), mtime=0)),
    }
    yield json_case("deflate", half, {"inputs": [x]}) | {
        "headers": {"Content-Encoding": "deflate"},
        "body": b64(zlib.compress(json.dumps({"inputs": [x]}).encode())),
    }
    yield json_case("gzip reply", half, {"inputs": [x]}, {"Accept-Encoding": "gzip"})
    yield json_case("deflate reply", half, {"inputs": [x]}, {"Accept-Encoding": "deflate"})
    yield json_case("unknown model", "/v2/models/no_such/infer", {"inputs": [x]})
    yield json_case("unknown version", "/v2/models/half_plus_two/versions/7/infer", {"inputs": [x]})
    yield json_case("version that is no number", "/v2/models/half_plus_two/versions/abc/infer", {"inputs": [x]})
    yield json_case("no JSON", half, "{")
    yield json_case("empty body", half, "")
    yield json_case("no inputs", half, {})
    yield json_case("empty inputs", half, {"inputs": []})
    yield json_case("unknown input", half, {"inputs": [tensor("z", "FP32", [1], [1])]})
    yield json_case("one input too many", half, {"inputs": [x, tensor("z", "FP32", [1], [1])]})
    yield json_case("an input twice", half, {"inputs": [x, x]})
    yield json_case("wrong datatype", half, {"inputs": [tensor("x", "INT32", [1], [1])]})
    yield json_case("unknown datatype", half, {"inputs": [tensor("x", "FLOAT", [1], [1])]})
    yield json_case("no datatype", half, {"inputs": [{"name": "x", "shape": [1], "data": [1]}]})
    yield json_case("no shape", half, {"inputs": [{"name": "x", "datatype": "FP32", "data": [1]}]})
    yield json_case("no name", half, {"inputs": [{"datatype": "FP32", "shape": [1], "data": [1]}]})
    yield json_case("no data", half, {"inputs": [tensor("x", "FP32", [1])]})
    yield json_case("too few elements", half, {"inputs": [tensor("x", "FP32", [3], [1, 2])]})
    yield json_case("too many elements", half, {"inputs": [tensor("x", "FP32", [1], [1, 2])]})
    yield json_case("wrong rank", half, {"inputs": [tensor("x", "FP32", [1, 1], [1])]})
    yield json_case("wrong shape", tiny, {"inputs": [tensor("x", "FP32", [2, 1], [1, 2])]})
    yield json_case("negative shape", half, {"inputs": [tensor("x", "FP32", [-1], [1])]})
    yield json_case("text for a number", half, {"inputs": [tensor("x", "FP32", [1], ["a"])]})
    yield json_case("unknown output", half, {"inputs": [x], "outputs": [{"name": "z"}]})
    yield binary_case("binary size too small", half, {"inputs": [tensor("x", "FP32", [3], parameters={"binary_data_size": 8})]}, three)
    yield binary_case("binary size beyond the body", half, {"inputs": [binary_x]}, three[:8])
    yield binary_case("bytes after the last tensor", half, {"inputs": [binary_x]}, three + b"1234")
    yield binary_case("header length beyond the body", half, {"inputs": [binary_x]}, three, length=4096)
    yield binary_case("header length that is no number", half, {"inputs": [binary_x]}, three, length="x")
    broken = {n: raw[n] for n in raw} | {"string": b"\xff\x00\x00\x00a"}
    yield binary_case(
        "BYTES with a length beyond its end",
        mixed,
        {"inputs": [tensor(n, datatypes[n], [2], parameters={"binary_data_size": len(broken[n])}) for n in broken]},
        b"".join(broken.values()),
    )
    yield json_case("repository index", "/v2/repository/index", {})
    yield json_case("repository index of what is ready", "/v2/repository/index", {"ready": True})


def grpc_cases():
    values, datatypes = mixed_json()
    x = {"name": "x", "datatype": "FP32", "shape": [3]}
    half = {"model_name": "half_plus_two"}
    typed = {**x, "contents": {"fp32_contents": [1, 2, 3]}}
    three = b64(struct.pack("<3f", 1, 2, 3))
    fields = dict(f32="fp32", f64="fp64", i8="int", i16="int", i32="int", i64="int64", u8="uint", u16="uint")
    fields |= dict(u32="uint", u64="uint64", bool="bool", string="bytes")
    no_f16 = [n for n in values if n != "f16"]

    def contents(name):
        data = [b64(v.encode()) for v in values[name]] if name == "string" else values[name]
        return {"name": name, "datatype": datatypes[name], "shape": [2], "contents": {f"{fields[name]}_contents": data}}

    described = [{"name": n, "datatype": datatypes[n], "shape": [2]} for n in values]
    raw = [b64(packed(n, values[n])) for n in values]
    yield "ServerLive", "server live", {}
    yield "ServerReady", "server ready", {}
    yield "ModelReady", "model ready", {"name": "half_plus_two"}
    yield "ModelReady", "unknown model ready", {"name": "no_such"}
    yield "ModelReady", "unknown version ready", {"name": "half_plus_two", "version": "7"}
    yield "ModelReady", "version that is no number ready", {"name": "half_plus_two", "version": "abc"}
    yield "ModelMetadata", "model metadata", {"name": "mixed"}
    yield "ModelMetadata", "metadata of a version", {"name": "half_plus_two", "version": "1"}
    yield "ModelMetadata", "metadata of an unknown model", {"name": "no_such"}
    yield "ModelMetadata", "metadata of an unknown version", {"name": "half_plus_two", "version": "7"}
    yield "ModelConfig", "model config", {"name": "half_plus_two"}
    yield "ModelInfer", "typed contents", {**half, "inputs": [typed]}
    yield "ModelInfer", "raw contents", {**half, "inputs": [x], "raw_input_contents": [three]}
    yield "ModelInfer", "a version", {**half, "model_version": "1", "inputs": [typed]}
    yield "ModelInfer", "id", {**half, "id": "42", "inputs": [typed]}
    yield "ModelInfer", "requested output", {**half, "inputs": [typed], "outputs": [{"name": "y"}]}
    yield "ModelInfer", "no elements", {**half, "inputs": [{**x, "shape": [0]}], "raw_input_contents": [""]}
    yield "ModelInfer", "all datatypes raw", {"model_name": "mixed", "inputs": described, "raw_input_contents": raw}
    yield "ModelInfer", "all datatypes typed, FP16 missing", {"model_name": "mixed", "inputs": [contents(n) for n in no_f16]}
    yield "ModelInfer", "outputs in the order asked for", {
        "model_name": "mixed", "inputs": described, "raw_input_contents": raw,
        "outputs": [{"name": "string"}, {"name": "i64"}, {"name": "bool"}],
    }
    yield "ModelInfer", "unknown model", {"model_name": "no_such", "inputs": [typed]}
    yield "ModelInfer", "no model", {"inputs": [typed]}
    yield "ModelInfer", "unknown version", {**half, "model_version": "7", "inputs": [typed]}
    yield "ModelInfer", "version that is no number", {**half, "model_version": "abc", "inputs": [typed]}
    yield "ModelInfer", "raw and typed contents", {**half, "inputs": [typed], "raw_input_contents": [three]}
    yield "ModelInfer", "raw contents missing", {"model_name": "mixed", "inputs": described, "raw_input_contents": raw[:5]}
    yield "ModelInfer", "one raw entry too many", {**half, "inputs": [x], "raw_input_contents": [three, three]}
    yield "ModelInfer", "raw contents too short", {**half, "inputs": [x], "raw_input_contents": [three[:8]]}
    yield "ModelInfer", "typed contents too short", {**half, "inputs": [{**x, "contents": {"fp32_contents": [1]}}]}
    yield "ModelInfer", "contents of another type", {**half, "inputs": [{**x, "contents": {"int_contents": [1, 2, 3]}}]}
    yield "ModelInfer", "no contents", {**half, "inputs": [x]}
    yield "ModelInfer", "no inputs", half
    yield "ModelInfer", "unknown input", {**half, "inputs": [{**typed, "name": "z"}]}
    yield "ModelInfer", "one input too many", {**half, "inputs": [typed, {**typed, "name": "z"}]}
    yield "ModelInfer", "an input twice", {**half, "inputs": [typed, typed]}
    yield "ModelInfer", "wrong datatype", {**half, "inputs": [{**x, "datatype": "INT32", "contents": {"int_contents": [1, 2, 3]}}]}
    yield "ModelInfer", "unknown datatype", {**half, "inputs": [{**typed, "datatype": "FLOAT"}]}
    yield "ModelInfer", "no datatype", {**half, "inputs": [{**typed, "datatype": ""}]}
    yield "ModelInfer", "wrong rank", {**half, "inputs": [{**typed, "shape": [1, 3]}]}
    yield "ModelInfer", "wrong shape", {
        "model_name": "tiny", "inputs": [{**typed, "shape": [3, 1]}],
    }
    yield "ModelInfer", "negative shape", {**half, "inputs": [{**typed, "shape": [-1]}]}
    yield "ModelInfer", "unknown output", {**half, "inputs": [typed], "outputs": [{"name": "z"}]}
    yield "ModelInfer", "BYTES with a length beyond its end", {
        "model_name": "mixed", "inputs": described, "raw_input_contents": [*raw[:-1], b64(b"\xff\x00\x00\x00a")],
    }
    yield "RepositoryIndex", "repository index", {}
    yield "RepositoryIndex", "repository index of what is ready", {"ready": True}


def record_rest(address, case):
    connection = http.client.HTTPConnection(address)
    body = base64.b64decode(case["body"])
    connection.request(case["method"], case["path"], body if case["method"] == "POST" else None, case["headers"])
    reply = connection.getresponse()
    headers = {name.lower(): value for name, value in reply.getheaders() if name.lower() in KEPT_HEADERS}
    return {**case, "answer": {"status": reply.status, "headers": headers, "body": b64(reply.read())}}


def record_grpc(channel, case):
    method, name, request = case
    call = channel.unary_unary(
        f"/inference.GRPCInferenceService/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=getattr(service_pb2, f"{method}Response").FromString,
    )
    try:
        reply = call(ParseDict(request, getattr(service_pb2, f"{method}Request")()))
        answer = {"code": "OK", "reply": MessageToDict(reply, preserving_proto_field_name=True)}
    except grpc.RpcError as error:
        answer = {"code": error.code().name, "message": error.details()}
    return {"name": name, "method": method, "request": request, "answer": answer}


def record_stream(channel):
    """A stream with a good request, a bad one and a good one: errors do not end it."""
    service = "/inference.GRPCInferenceService/ModelStreamInfer"
    x = {"name": "x", "datatype": "FP32", "shape": [1]}
    requests = [
        {"model_name": "half_plus_two", "id": "1", "inputs": [{**x, "contents": {"fp32_contents": [1]}}]},
        {"model_name": "no_such", "id": "2", "inputs": [{**x, "contents": {"fp32_contents": [1]}}]},
        {"model_name": "half_plus_two", "id": "3", "inputs": [{**x, "contents": {"fp32_contents": [3]}}]},
    ]
    call = channel.stream_stream(
        service,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=service_pb2.ModelStreamInferResponse.FromString,
    )
    replies = call(iter([ParseDict(request, service_pb2.ModelInferRequest()) for request in requests]))
    return {"requests": requests, "replies": [MessageToDict(r, preserving_proto_field_name=True) for r in replies]}


def main(rest_address, grpc_address):
    with grpc.insecure_channel(grpc_address) as channel:
        version = json.loads(base64.b64decode(record_rest(rest_address, get("server", "/v2"))["answer"]["body"]))["version"]
        answers = {
            "server": f"Triton {version}",
            "rest": [record_rest(rest_address, case) for case in rest_cases()],
            "grpc": [record_grpc(channel, case) for case in grpc_cases()],
            "stream": record_stream(channel),
        }
    text = json.dumps(answers, indent=2, ensure_ascii=False)
    (Path(__file__).parent / "answers.json").write_text(text + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
