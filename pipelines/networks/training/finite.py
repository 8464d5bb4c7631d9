"""NaN or infinite pixels and losses, each with its own message, so that the rate is not blamed for a bad pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mnist_data.batch import Images
from mnist_data.errors import CheckFailed
from pipelines.networks.data.stored import parts_of
from pipelines.settings.training import Train

ROWS = 10_000
"""Images checked at once, so that no second copy of a large set is made."""


def require_finite_pixels(role: str, images: Images) -> None:
    """Raise CheckFailed for images with a pixel that is NaN or infinite; role: of the samples, for the message."""
    if images.dtype.kind != "f":
        return
    axes = tuple(range(1, images.ndim))
    parts = [np.isfinite(images[part]).all(axis=axes) for part in parts_of(images, ROWS)]
    broken = np.flatnonzero(~np.concatenate([np.ones(0, np.bool_), *parts]))
    if len(broken):
        raise CheckFailed(
            f"{len(broken):,} of {len(images):,} {role} images have pixels that are NaN or infinite, the first of them "
            f"is image {broken[0]:,}, counted from 0. No network can learn from them; `mnist-data clean` removes them."
        )


def require_finite_loss(loss: float, epoch: int, before: Sequence[float], images: Images, params: Train) -> float:
    """Give the loss of a step. Raises CheckFailed where it is NaN or infinite.

    before: the losses of the epoch's earlier steps, in order. images: the batch of the step.
    """
    if math.isfinite(loss):
        return loss
    require_finite_pixels("batch", images)
    course = f", after {before[0]:.4g} at the first step and {before[-1]:.4g} at the last finite one" if before else ""
    raise CheckFailed(
        f"Training diverged in epoch {epoch}, step {len(before) + 1}: the loss is {loss}{course}. All pixels are "
        f"finite, so the steps are too large: try learning_rate {params.learning_rate / 10:g}, a tenth of "
        f"{params.learning_rate:g}."
    )
