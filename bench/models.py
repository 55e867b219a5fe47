"""Makes the models of the benchmark in a folder: random weights, since they measure cost and classify nothing.

    models.py FOLDER

| model     | inputs → outputs                                                     |
| --------- | -------------------------------------------------------------------- |
| image     | x f32 [?,224,224,3] → y: its corners; next to no compute, large messages |
| mlp       | x f32 [?,64] → y f32 [?,10] through two layers of 512                  |
| resnet50  | x f32 [?,224,224,3] → y f32 [?,1000], ResNet v1                        |
| resnet152 | the same with 152 layers                                               |

A model that is there already is left alone.
"""

import sys
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op

RESNET_BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet152": (3, 8, 36, 3)}
random = np.random.default_rng(0)


def weights(*shape, scale):
    return op.constant((random.standard_normal(shape) * scale).astype(np.float32))


def image_input():
    return op.parameter([-1, 224, 224, 3], np.float32)


def image():
    x = image_input()
    begin, end = np.array([0, 0, 0, 0]), np.array([0, 1, 1, 3])
    return x, op.strided_slice(x, op.constant(begin), op.constant(end), op.constant(np.ones(4, np.int64)), [1, 0, 0, 1], [1, 0, 0, 1])


def mlp():
    x = op.parameter([-1, 64], np.float32)
    hidden = x
    for inputs, outputs in ((64, 512), (512, 512)):
        hidden = op.relu(op.matmul(hidden, weights(inputs, outputs, scale=inputs**-0.5), False, False))
    return x, op.softmax(op.matmul(hidden, weights(512, 10, scale=0.05), False, False), 1)


def convolution(x, inputs, outputs, *, kernel, stride, relu=True):
    w = weights(outputs, inputs, kernel, kernel, scale=(2 / (inputs * kernel * kernel)) ** 0.5)
    pad = [kernel // 2] * 2
    y = op.convolution(x, w, [stride] * 2, pad, pad, [1, 1])
    y = op.add(y, op.constant(np.zeros((1, outputs, 1, 1), np.float32)))
    return op.relu(y) if relu else y


def resnet(blocks):
    x = image_input()
    t = convolution(op.transpose(x, op.constant(np.array([0, 3, 1, 2]))), 3, 64, kernel=7, stride=2)
    t = op.max_pool(t, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    channels = 64
    for stage, count in enumerate(blocks):
        inner, outputs = 64 << stage, 256 << stage
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            short = t if block else convolution(t, channels, outputs, kernel=1, stride=stride, relu=False)
            y = convolution(t, channels, inner, kernel=1, stride=stride)
            y = convolution(y, inner, inner, kernel=3, stride=1)
            y = convolution(y, inner, outputs, kernel=1, stride=1, relu=False)
            # Random weights would grow without bound over 152 layers.
            t = op.relu(op.add(op.multiply(y, op.constant(np.float32(0.3))), short))
            channels = outputs
    t = op.reduce_mean(t, op.constant(np.array([2, 3])), False)
    return x, op.softmax(op.matmul(t, weights(2048, 1000, scale=0.01), False, False), 1)


def save(folder, name, build):
    path = folder / name / "1" / "model.xml"
    if path.exists():
        return
    x, y = build()
    x.output(0).tensor.set_names({"x"})
    y.output(0).tensor.set_names({"y"})
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(ov.Model([op.result(y)], [x], name), path, compress_to_fp16=False)


folder = Path(sys.argv[1])
save(folder, "image", image)
save(folder, "mlp", mlp)
for name, blocks in RESNET_BLOCKS.items():
    save(folder, name, lambda blocks=blocks: resnet(blocks))
