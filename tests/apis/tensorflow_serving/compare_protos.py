"""Compares the protos of this project with what TensorFlow, TensorFlow Serving and gRPC publish on PyPI.

    compare_protos.py PROTOS WHEELS

PROTOS is the folder to judge. WHEELS is a folder where the packages are kept; what is missing there is downloaded. Prints one
line for each difference and ends with 1 when there is any. Ends with 75, and a line that says why, when a package cannot be had.

Compared are names, numbers, types, labels, JSON names, packing, oneofs and presence of fields, names and numbers of enums, and
methods of services, and the options of files for code generators; what is reserved and comments are not.
"""

import ast
import os
import subprocess
import sys
import tempfile
import zipfile

import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

# TensorFlow itself is half a gigabyte; tensorboard carries its messages, in a package of another name.
PACKAGES = {
    "tensorflow-serving-api": "2.21.0",
    "tensorboard": "2.21.0",
    "grpcio-health-checking": "1.85.1",
    "grpcio-reflection": "1.85.1",
}
RENAMED = {".tensorboard.": ".tensorflow."}

# Packages whose every message and service must be here, but for what is named below.
WHOLE = (".tensorflow.serving.", ".grpc.health.v1.", ".grpc.reflection.v1alpha.")
LEFT_OUT = (
    # Runs of TensorFlow's own sessions: no model server offers them.
    ".tensorflow.serving.session_service.proto",
    ".tensorflow.serving.SessionRunRequest",
    ".tensorflow.serving.SessionRunResponse",
    ".tensorflow.serving.SessionService",
    ".tensorflow.serving.SessionRunLog",
    ".tensorflow.serving.PredictionLog.session_run_log",
)
# What is here and in none of the packages: compared with nothing.
NOT_PUBLISHED = (
    # The Open Inference Protocol.
    ".inference.",
    ".grpc.reflection.v1.",
    ".tensorflow.error.",
    ".tensorflow.serving.monitoring_config.proto",
    ".tensorflow.serving.ssl_config.proto",
    ".tensorflow.serving.MonitoringConfig",
    ".tensorflow.serving.PrometheusConfig",
    ".tensorflow.serving.SSLConfig",
    *(
        f".tensorflow.{name}"
        for name in (
            "example.proto",
            "feature.proto",
            "BytesList",
            "Example",
            "Feature",
            "FloatList",
            "Int64List",
            "SequenceExample",
        )
    ),
)
TEMPORARY_FAILURE = 75


def ours(folder):
    """The file descriptors of every proto below a folder, by protoc."""
    files = [
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(".proto")
    ]
    well_known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    with tempfile.TemporaryDirectory() as scratch:
        out = os.path.join(scratch, "descriptors")
        if protoc.main(["protoc", f"-I{folder}", f"-I{well_known}", f"--descriptor_set_out={out}", *files]) != 0:
            sys.exit("protoc refuses the protos")
        with open(out, "rb") as file:
            return list(descriptor_pb2.FileDescriptorSet.FromString(file.read()).file)


def theirs(folder):
    """The file descriptors inside the packages, from their generated modules, none of which is run."""
    files = []
    for wheel in sorted(os.listdir(folder)):
        with zipfile.ZipFile(os.path.join(folder, wheel)) as archive:
            for name in archive.namelist():
                if not name.endswith("_pb2.py"):
                    continue
                for node in ast.walk(ast.parse(archive.read(name))):
                    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
                        files.append(descriptor_pb2.FileDescriptorProto.FromString(node.args[0].value))
    return files


def download(folder):
    """Puts the packages into a folder, or ends the program."""
    os.makedirs(folder, exist_ok=True)
    kept = os.listdir(folder)
    missing = [
        f"{name}=={version}"
        for name, version in PACKAGES.items()
        if not any(wheel.startswith(f"{name.replace('-', '_')}-{version}-") for wheel in kept)
    ]
    if not missing:
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    finished = subprocess.run(
        [*pip, "--no-deps", "--only-binary=:all:", "--retries", "1", "--dest", folder, *missing],
        capture_output=True,
        text=True,
    )
    if finished.returncode != 0:
        print(f"Cannot download {' '.join(missing)}: {finished.stderr.strip().splitlines()[-1:]}")
        sys.exit(TEMPORARY_FAILURE)


def renamed(name):
    for old, new in RENAMED.items():
        if name.startswith(old):
            return new + name[len(old) :]
    return name


def facts(files):
    """What the wire and JSON can tell of each name: {".package.Message.field": ...}."""
    table = {}
    for file in files:
        package = f".{file.package}."
        # Packages move files, so a file is known by its package and its own name.
        table[renamed(f"{package}{os.path.basename(file.name)}")] = ("options", str(file.options))
        for enum in file.enum_type:
            enum_facts(table, package, enum)
        for message in file.message_type:
            message_facts(table, package, message)
        for service in file.service:
            table[renamed(f"{package}{service.name}")] = "service"
            for method in service.method:
                streams = (method.client_streaming, method.server_streaming)
                types = (renamed(method.input_type), renamed(method.output_type))
                table[renamed(f"{package}{service.name}.{method.name}")] = ("method", *types, *streams)
    return table


def enum_facts(table, prefix, enum):
    name = f"{prefix}{enum.name}"
    table[renamed(name)] = "enum"
    for value in enum.value:
        table[renamed(f"{name}.{value.name}")] = ("value", value.number)


def message_facts(table, prefix, message):
    name = f"{prefix}{message.name}"
    table[renamed(name)] = ("message", message.options.map_entry)
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
        table[renamed(f"{name}.{field.name}")] = (
            "field",
            field.number,
            descriptor_pb2.FieldDescriptorProto.Type.Name(field.type),
            descriptor_pb2.FieldDescriptorProto.Label.Name(field.label),
            renamed(field.type_name),
            field.json_name or camel_case(field.name),
            is_packed(field),
            oneof,
            field.proto3_optional,
        )
    for enum in message.enum_type:
        enum_facts(table, f"{name}.", enum)
    for nested in message.nested_type:
        message_facts(table, f"{name}.", nested)


def is_packed(field):
    """Whether a repeated field's values go in one run: in proto3 those that can, unless the file says otherwise."""
    kinds = descriptor_pb2.FieldDescriptorProto
    if field.label != kinds.LABEL_REPEATED or field.type in (kinds.TYPE_STRING, kinds.TYPE_BYTES, kinds.TYPE_MESSAGE):
        return False
    return field.options.packed if field.options.HasField("packed") else True


def camel_case(name):
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def differences(mine, published):
    for name, fact in sorted(mine.items()):
        if name.startswith(NOT_PUBLISHED):
            continue
        if name not in published:
            yield f"{name} is {fact} here and not published"
        elif published[name] != fact:
            yield f"{name} is {fact} here, {published[name]} is published"
    for name, fact in sorted(published.items()):
        if name in mine or name.startswith(LEFT_OUT):
            continue
        parent = name.rpartition(".")[0]
        if name.startswith(WHOLE) or parent in mine:
            yield f"{name} is published as {fact} and not here"


def main():
    protos, wheels = sys.argv[1:]
    download(wheels)
    mine, published = facts(ours(protos)), facts(theirs(wheels))
    found = list(differences(mine, published))
    print("\n".join(found) or f"{len(mine)} names agree")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
