"""The cost of predictions: multiply-adds per image, and images per second."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mnist_data.batch import Images
from pipelines.networks.data.stored import StoredImages
from pipelines.networks.evaluation.predictions import predict

if TYPE_CHECKING:
    from torch import nn

BATCH, BATCHES = 512, 5
"""Images predicted at once, and how many such batches are timed."""


def with_cost(evaluation: pd.DataFrame, network: nn.Module, images: Images | StoredImages) -> pd.DataFrame:
    """Add the columns multiply_adds, per image, and images_per_second to an evaluation of networks of one kind.

    evaluation: with a column seed, missing in the row of the ensemble, which runs every network. network: one of them.
    images: some that it can predict, at least one.
    """
    each, speed = multiply_adds(network, images.shape[1:]), images_per_second(network, images)
    networks = np.where(evaluation["seed"].isna(), evaluation["seed"].nunique(), 1)
    return evaluation.assign(multiply_adds=each * networks, images_per_second=speed / networks)


def multiply_adds(network: nn.Module, shape: Sequence[int]) -> int:
    """Count the multiply-adds of one image in convolutions and dense layers.

    shape: of the image, (height, width) or (height, width, channels). Activations, norms, pooling and biases are left
    out by convention; the layers' output sizes come from a run, so padding and strides are included.
    """
    import torch
    from torch import nn

    total = 0

    def count(layer: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        nonlocal total
        # Each output sums over the weights of one filter, or of one row of the matrix.
        total += output.numel() * layer.weight[0].numel()  # type: ignore[index]

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    height, width, channels = (*shape, 1)[:3]
    first = next(network.parameters())
    try:
        with torch.inference_mode():
            network(torch.zeros(1, channels, height, width, dtype=first.dtype, device=first.device))
    finally:
        for hook in hooks:
            hook.remove()
    return total


def images_per_second(network: nn.Module, images: Images | StoredImages) -> float:
    """Time predictions, from images in memory to probabilities: the median of BATCHES batches of BATCH images.

    images: at least one; fewer than BATCH are repeated. The result holds for this machine and the threads of `predict`;
    a first batch is not timed.
    """
    batch = images[np.arange(BATCH) % len(images)]
    predict(network, batch)
    return BATCH / median(_seconds(network, batch) for _ in range(BATCHES))


def _seconds(network: nn.Module, batch: Images) -> float:
    started = perf_counter()
    predict(network, batch)
    return perf_counter() - started
