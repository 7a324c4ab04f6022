"""The limit: a step's matrix products alone, each convolution as one product with its patches laid out already.

Nothing else of a step is in it: no patches cut, no pooling, no ReLU, no loss, no optimizer. The results are written to
memory that is there already, and each product is repeated by itself, so that the caches hold what they can.
"""

import torch
from common import StopWatch, contest

PIXELS_1, PIXELS_2 = 32 * 32 * 32, 32 * 16 * 16
"""Images in the batch times pixels of one, before each convolution's pooling."""

PRODUCTS = [
    ("conv1, forward", PIXELS_1, 3 * 9, 16),
    ("conv1, gradient of weights", 3 * 9, PIXELS_1, 16),
    ("conv2, forward", PIXELS_2, 16 * 9, 32),
    ("conv2, gradient of weights", 16 * 9, PIXELS_2, 32),
    ("conv2, gradient of input", PIXELS_2, 32, 16 * 9),
    ("fc1, forward", 32, 2048, 128),
    ("fc1, gradient of weights", 128, 32, 2048),
    ("fc1, gradient of input", 32, 128, 2048),
    ("fc2, forward", 32, 128, 10),
    ("fc2, gradient of weights", 10, 32, 128),
    ("fc2, gradient of input", 32, 10, 128),
]
"""Name, and rows, inner length and columns of `[rows, inner] @ [inner, columns]`."""


def train(watch: StopWatch) -> None:
    tensors = [
        (torch.randn(rows, inner), torch.randn(inner, columns), torch.empty(rows, columns))
        for _, rows, inner, columns in PRODUCTS
    ]
    while True:
        for left, right, result in tensors:
            for _ in range(watch.block):
                torch.mm(left, right, out=result)
        watch.tick(watch.block)


if __name__ == "__main__":
    contest(train)
