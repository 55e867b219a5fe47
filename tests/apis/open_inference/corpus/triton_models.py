"""Makes a Triton model repository whose models compute what those of models/ compute: half_plus_two, tiny and mixed.

    python tests/apis/open_inference/corpus/triton_models.py FOLDER

The models run on Triton's Python backend. `mixed` leaves out bf16, which NumPy does not have.
"""

import sys
from pathlib import Path

DATATYPES = {
    "f16": "FP16",
    "f32": "FP32",
    "f64": "FP64",
    "i8": "INT8",
    "i16": "INT16",
    "i32": "INT32",
    "i64": "INT64",
    "u8": "UINT8",
    "u16": "UINT16",
    "u32": "UINT32",
    "u64": "UINT64",
    "bool": "BOOL",
    "string": "STRING",
}

MODEL = '''import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        replies = []
        for request in requests:
            wanted = set(request.requested_output_names())
            x = {{name: pb.get_input_tensor_by_name(request, name).as_numpy() for name in {names}}}
            outputs = {outputs}
            tensors = [pb.Tensor(name, value) for name, value in outputs.items() if name in wanted]
            replies.append(pb.InferenceResponse(tensors))
        return replies
'''


def ports(key, tensors):
    return "\n".join(
        f'{key} [ {{ name: "{name}" data_type: TYPE_{datatype} dims: {list(dims)} }} ]' for name, datatype, dims in tensors
    )


def model(folder, inputs, outputs, expression):
    version = folder / "1"
    version.mkdir(parents=True, exist_ok=True)
    config = [f'name: "{folder.name}"', 'backend: "python"', "max_batch_size: 0", ports("input", inputs)]
    config += [ports("output", outputs), "instance_group [ { kind: KIND_CPU } ]"]
    (folder / "config.pbtxt").write_text("\n".join(config) + "\n")
    names = [name for name, _, _ in inputs]
    (version / "model.py").write_text(MODEL.format(names=names, outputs=expression))


def main(repository):
    affine = '{{"y": x["x"] * np.float32({}) + np.float32({})}}'
    model(repository / "half_plus_two", [("x", "FP32", [-1])], [("y", "FP32", [-1])], affine.format(0.5, 2))
    model(repository / "tiny", [("x", "FP32", [1, 1])], [("y", "FP32", [1, 1])], affine.format(2, 1))
    mixed = [(name, datatype, [-1]) for name, datatype in DATATYPES.items()]
    model(repository / "mixed", mixed, mixed, "x")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
