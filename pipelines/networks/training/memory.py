"""Memory of a training: refused before it starts where the first batch cannot fit."""

from __future__ import annotations

import math

from mnist_data.batch import shape_text
from mnist_data.parquet.dataset import Dataset
from pipelines.engine.memory import BASE, require_bytes
from pipelines.networks.training.device import device
from pipelines.networks.training.models import WIDTHS
from pipelines.settings.training import Train

PARTS: dict[str, tuple[int, ...]] = {
    "tiny": (1, 1, 4, 4, 16, 16),
    "small": (4, 4, 4, 16, 16),
    "large": (1, 4, 4, 16, 16, 16),
    "lenet5": (1, 5),
}
"""Of each convolution: of how many pixels of an image each of its outputs is one, at most."""

STATES = 4
"""Numbers for each weight: itself, its gradient, and the optimizer's two moments."""


def training_bytes(source: Dataset, params: Train) -> int:
    """Give the bytes that training needs at least: outputs kept for the gradients of a batch, and weights.

    Outputs count as 2 bytes (bfloat16), and once, though normalization and ReLU keep more of them.
    """
    height, width, channels = (*source.metadata.shape, 1)[:3]
    pixels, widths = height * width, WIDTHS[params.model]
    batch = min(params.batch_size, source.splits.get(source.training_split, 0) // 2)
    outputs = sum(filters * pixels // part for filters, part in zip(widths, PARTS.get(params.model, ()), strict=False))
    weights = math.prod((pixels, channels, *widths[:1])) if params.model == "mlp" else 0
    if params.model == "lenet5":
        weights = widths[1] * max(0, height // 4 - 2) * max(0, width // 4 - 2) * widths[2]
    return BASE + 2 * batch * (outputs + 2 * pixels * channels) + 4 * STATES * weights


def require_training_memory(source: Dataset, params: Train) -> None:
    """Raise WrongUse where the first batch cannot fit into this machine's memory; a GPU's is its own affair."""
    if device().type != "cpu":
        return
    batch = f"a batch of {params.batch_size:,} images of {shape_text(source.metadata.shape)}, model {params.model}"
    ways = ["take fewer at once: --batch-size 8 --model tiny"]
    require_bytes(f"train of {source.location}", training_bytes(source, params), batch, ways)
