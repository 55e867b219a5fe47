"""Asks a server through the published ovmsclient package, the client of ie_serving and model_server, with its defaults.

    ovms_client.py PACKAGES GRPC_HOST:PORT REST_HOST:PORT MODEL

The package sends version 0 for the latest version. PACKAGES is a folder of its own, into which it is installed if it is
missing. MODEL halves its input x and adds 2. Prints one line for each call, as JSON; ends with 75, and a line that says why,
when the package cannot be had.
"""

import json
import subprocess
import sys
from pathlib import Path

PACKAGE = "ovmsclient==2023.1"
TEMPORARY_FAILURE = 75

packages, grpc_address, rest_address, model = sys.argv[1:]

if not Path(packages, "ovmsclient").exists():
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    finished = subprocess.run(
        [*pip, "--no-deps", "--only-binary=:all:", "--retries", "1", "--target", packages, PACKAGE],
        capture_output=True,
        text=True,
    )
    if finished.returncode != 0:
        print(f"Cannot install {PACKAGE}: {finished.stderr.strip().splitlines()[-1:]}")
        sys.exit(TEMPORARY_FAILURE)

sys.path.insert(0, packages)
import numpy as np  # noqa: E402
import ovmsclient  # noqa: E402


def reported(transport, call, function):
    try:
        result = function()
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    print(json.dumps({"transport": transport, "call": call, "result": result}))


def version_of(metadata):
    # Over REST the package passes on what it does not find in model_server's spelling.
    return metadata["model_version"] if "model_version" in metadata else int(metadata["model_spec"]["version"])


for transport, client in (
    ("grpc", ovmsclient.make_grpc_client(grpc_address)),
    ("rest", ovmsclient.make_http_client(rest_address)),
):
    values = np.array([1, 2, 5], np.float32)
    reported(transport, "predict", lambda: client.predict({"x": values}, model).tolist())
    reported(transport, "predict version 1", lambda: client.predict({"x": values}, model, 1).tolist())
    reported(transport, "predict doubles", lambda: client.predict({"x": values.astype(np.float64)}, model).tolist())
    reported(transport, "status", lambda: {str(version): status["state"] for version, status in client.get_model_status(model).items()})
    reported(transport, "metadata", lambda: version_of(client.get_model_metadata(model)))
