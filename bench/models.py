"""Makes the benchmark's models in a folder. Weights are random: the models measure cost and classify nothing.

    models.py FOLDER

| model                     | inputs → outputs                                                                     |
| ------------------------- | ------------------------------------------------------------------------------------ |
| image                     | x f32 [?,224,224,3] → y f32 [?,1,1,3]: a corner; next to no compute, large messages  |
| mlp                       | x f32 [?,64] → y f32 [?,10] through two layers of 512: microseconds a row            |
| dense                     | the same through three layers of 4096: its weights are read for each batch           |
| resnet50v1, resnet152v1   | x f32 [?,224,224,3] → y f32 [?,1000]                                                 |
| resnet50v2, resnet152v2   | the same with normalisation and activation before each convolution                   |

Existing models are kept. Weights are scaled so that values stay near 1 through all layers, because denormals would cost the CPU more
than the values of a trained model.
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


def perceptron(width, layers):
    x = op.parameter([-1, 64], np.float32)
    hidden, inputs = x, 64
    for _ in range(layers):
        hidden = op.relu(op.matmul(hidden, weights(inputs, width, scale=(2 / inputs) ** 0.5), False, False))
        inputs = width
    return x, op.softmax(op.matmul(hidden, weights(width, 10, scale=width**-0.5), False, False), 1)


def convolution(x, inputs, outputs, *, kernel=1, stride=1, relu=False):
    """A convolution with its normalisation folded into weights and bias."""
    w = weights(outputs, inputs, kernel, kernel, scale=(2 / (inputs * kernel * kernel)) ** 0.5)
    pad = [kernel // 2] * 2
    y = op.add(op.convolution(x, w, [stride] * 2, pad, pad, [1, 1]), weights(1, outputs, 1, 1, scale=0.1))
    return op.relu(y) if relu else y


def residual(y, short):
    # Values would grow without bound over 152 layers of random weights.
    return op.add(op.multiply(y, op.constant(np.float32(0.2))), short)


def block_v1(x, inputs, inner, outputs, stride):
    short = x if inputs == outputs else convolution(x, inputs, outputs, stride=stride)
    y = convolution(x, inputs, inner, stride=stride, relu=True)
    y = convolution(y, inner, inner, kernel=3, relu=True)
    return op.relu(residual(convolution(y, inner, outputs), short))


def normalised(x, channels):
    """A normalisation that no preceding convolution can absorb, and the activation."""
    scale = op.constant(random.uniform(0.8, 1.2, (1, channels, 1, 1)).astype(np.float32))
    return op.relu(op.add(op.multiply(x, scale), weights(1, channels, 1, 1, scale=0.1)))


def block_v2(x, inputs, inner, outputs, stride):
    ready = normalised(x, inputs)
    short = x if inputs == outputs else convolution(ready, inputs, outputs, stride=stride)
    y = convolution(ready, inputs, inner, relu=True)
    y = convolution(y, inner, inner, kernel=3, stride=stride, relu=True)
    return residual(convolution(y, inner, outputs), short)


def resnet(counts, is_v2):
    x = image_input()
    t = convolution(op.transpose(x, op.constant(np.array([0, 3, 1, 2]))), 3, 64, kernel=7, stride=2, relu=not is_v2)
    t = op.max_pool(t, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    channels = 64
    for stage, count in enumerate(counts):
        inner, outputs = 64 << stage, 256 << stage
        for block in range(count):
            t = (block_v2 if is_v2 else block_v1)(t, channels, inner, outputs, 2 if stage > 0 and block == 0 else 1)
            channels = outputs
    t = op.reduce_mean(normalised(t, channels) if is_v2 else t, op.constant(np.array([2, 3])), False)
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
save(folder, "mlp", lambda: perceptron(512, 2))
save(folder, "dense", lambda: perceptron(4096, 3))
for name, counts in RESNET_BLOCKS.items():
    save(folder, f"{name}v1", lambda counts=counts: resnet(counts, False))
    save(folder, f"{name}v2", lambda counts=counts: resnet(counts, True))
