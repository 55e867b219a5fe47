"""Makes models/mixed here: the `mixed` of the repository's models without bf16, which the recorded server's model does not have.

    .ovserve/python/bin/python tests/apis/open_inference/corpus/make_mixed.py
"""

from pathlib import Path

import openvino as ov
from openvino import opset15 as ops
from triton_models import DATATYPES


def main():
    inputs = []
    for name in DATATYPES:
        element_type = getattr(ov.Type, "boolean" if name == "bool" else name)
        node = ops.parameter(ov.PartialShape([-1]), element_type, name=name)
        node.output(0).set_names({name})
        inputs.append(node)
    results = [ops.result(node, name=f"{node.friendly_name}/result") for node in inputs]
    folder = Path(__file__).parent / "models" / "mixed" / "1"
    folder.mkdir(parents=True, exist_ok=True)
    ov.serialize(ov.Model(results, inputs, "mixed"), folder / "mixed.xml")


if __name__ == "__main__":
    main()
