"""What OpenVINO's own Python interface gives for a model: the answers a server must equal, bit for bit.

    reference.py MODEL.xml < {"image": {"dtype": "float32", "shape": [1, 8, 8], "data": "base64"}}

Prints {"name": {"dtype", "shape", "data"}} for each output.
"""

import base64
import json
import sys

import numpy as np
import openvino as ov

inputs = {
    name: np.frombuffer(base64.b64decode(tensor["data"]), tensor["dtype"]).reshape(tensor["shape"])
    for name, tensor in json.load(sys.stdin).items()
}
compiled = ov.Core().compile_model(sys.argv[1], "CPU")
outputs = compiled(inputs)
json.dump(
    {
        port.get_any_name(): {
            "dtype": str(value.dtype),
            "shape": list(value.shape),
            "data": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode(),
        }
        for port, value in outputs.items()
    },
    sys.stdout,
)
