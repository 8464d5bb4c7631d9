"""The networks, each as a sequence of layers.

All take (n, channels, height, width) float32 and give (n, classes) float32 logits; `build` makes one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from mnist_data.errors import WrongUse
from pipelines.settings.model_header import Model

WIDTHS: dict[Model, tuple[int, ...]] = {
    "mlp": (128,),
    "lenet5": (6, 16, 120, 84),
    "tiny": (8, 8, 16, 16, 20, 14),
    "small": (24, 40, 40, 64, 64),
    "large": (32, 64, 96, 160, 160, 192),
}
"""Units or filters of each layer but the last, which has one for each class."""


def mlp(pixels: int, classes: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Give the plain MLP 784-128-10, the baseline; pixels: height × width × channels."""
    (hidden,) = widths
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), *_output(hidden, classes, dropout))


def lenet5(shape: Sequence[int], classes: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Give LeNet-5 (LeCun et al., Proceedings of the IEEE 86, 1998) with modern layers.

    ReLU instead of scaled tanh, max pooling instead of trained subsampling, every map connected to every map before it,
    and a linear layer instead of radial basis functions. shape: (height, width, channels) of an image, at least 12×12.
    """
    height, width, channels = shape
    if min(height, width) < 12:
        raise WrongUse(f"lenet5 needs images of at least 12×12 pixels; these are {height}×{width}. Take small.")
    first, second, third, fourth = widths
    rows, columns = ((length // 2 - 4) // 2 for length in (height, width))
    return nn.Sequential(
        nn.Conv2d(channels, first, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * rows * columns, third), nn.ReLU(),
        nn.Linear(third, fourth), nn.ReLU(),
        *_output(fourth, classes, dropout),
    )  # fmt: skip


def tiny(channels: int, classes: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Stack six 3×3 convolutions, under 10,000 parameters for MNIST."""
    return nn.Sequential(
        *_convolution(channels, widths[0]), *_convolution(widths[0], widths[1]), _halved(),
        *_convolution(widths[1], widths[2]), *_convolution(widths[2], widths[3]), _halved(),
        *_convolution(widths[3], widths[4]), *_convolution(widths[4], widths[5]), *_global_max(),
        *_output(widths[5], classes, dropout),
    )  # fmt: skip


def small(channels: int, classes: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Stack five convolutions, under 100,000 parameters for MNIST.

    The first one, 5×5, has stride 2, so that 28×28 costs as much as 14×14.
    """
    return nn.Sequential(
        *_convolution(channels, widths[0], size=5, stride=2),
        *_convolution(widths[0], widths[1]), *_convolution(widths[1], widths[2]), _halved(),
        *_convolution(widths[2], widths[3]), *_convolution(widths[3], widths[4]), *_global_max(),
        *_output(widths[4], classes, dropout),
    )  # fmt: skip


def large(channels: int, classes: int, widths: Sequence[int], dropout: float) -> nn.Sequential:
    """Stack six wide 3×3 convolutions, under 1.5 million parameters for MNIST."""
    return nn.Sequential(
        *_convolution(channels, widths[0]), _halved(),
        *_convolution(widths[0], widths[1]), *_convolution(widths[1], widths[2]), _halved(),
        *_convolution(widths[2], widths[3]), *_convolution(widths[3], widths[4]), *_convolution(widths[4], widths[5]),
        *_global_max(),
        *_output(widths[5], classes, dropout),
    )  # fmt: skip


def build(
    name: Model, shape: Sequence[int], classes: int, dropout: float = 0.0, widths: Sequence[int] | None = None
) -> nn.Sequential:
    """Make a network by its name for images of `shape`: (height, width) or (h, w, channels).

    widths: of its layers; None takes `WIDTHS`. Raises WrongUse where the images are too small for lenet5.

    >>> [sum(p.numel() for p in build(name, (28, 28), 10).parameters()) for name in WIDTHS]
    [101770, 61706, 9818, 84658, 722474]
    """
    height, width, channels = (*shape, 1)[:3]
    filters = WIDTHS[name] if widths is None else widths
    if name == "mlp":
        return mlp(height * width * channels, classes, filters, dropout)
    if name == "lenet5":
        network = lenet5((height, width, channels), classes, filters, dropout)
    else:
        network = {"tiny": tiny, "small": small, "large": large}[name](channels, classes, filters, dropout)
    # In this memory order oneDNN trains our small convolutions 1.4 times as fast.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _convolution(channels: int, filters: int, size: int = 3, stride: int = 1) -> tuple[nn.Module, ...]:
    """Convolution, batch norm, ReLU. The norm has a shift of its own, so the convolution needs no bias."""
    return (
        nn.Conv2d(channels, filters, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
    )


def _halved() -> nn.Module:
    return nn.MaxPool2d(2, ceil_mode=True)  # rounded up: an image of one pixel keeps its pixel


def _global_max() -> tuple[nn.Module, ...]:
    """Take the maximum of each map (global max pooling), so that a network does not depend on the image's size."""
    return (nn.AdaptiveMaxPool2d(1), nn.Flatten())


def _output(features: int, classes: int, dropout: float) -> tuple[nn.Module, ...]:
    """Give the last layer, with dropout before it (Srivastava et al., JMLR 15, 2014)."""
    return (nn.Dropout(dropout), nn.Linear(features, classes))
