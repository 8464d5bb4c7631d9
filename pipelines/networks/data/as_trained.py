"""Bringing images to the form that a network's training data had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mnist_data.batch import Batch, shape_text
from mnist_data.errors import WrongUse
from mnist_data.parquet.schema import Stage, stage_of
from pipelines.images.scaling import Scaling
from pipelines.settings.stages import Normalize
from pipelines.stages.normalize import normalize_batch


def ready(configuration: Mapping[str, Any], batch: Batch, done: Sequence[Stage]) -> Batch:
    """Normalize images as the model's training data was.

    configuration: of the model, as `load_model` gives it. done: the stages already applied to the images. Raises
    WrongUse for images of another shape, type or normalization.
    """
    if list(batch.images.shape[1:]) != list(configuration["shape"]):
        shapes = (batch.images.shape[1:], configuration["shape"])
        given, expected = (shape_text(shape) or "single numbers" for shape in shapes)
        raise WrongUse(
            f"The images are {given}, and {configuration['name']} was trained on {expected}; bring photos of digits "
            "to MNIST's form with mnist-data prepare."
        )
    batch = as_trained(batch, trained_stages(configuration), done)
    if batch.images.dtype != np.dtype(configuration.get("dtype", "uint8")):
        raise WrongUse(
            f"The images are of type {batch.images.dtype}, and {configuration['name']} was trained on "
            f"{configuration.get('dtype', 'uint8')}; convert or normalize them as its training data was."
        )
    return batch


def trained_stages(configuration: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Give the stages applied to a model's training data."""
    return tuple(stage_of(stage) for stage in configuration.get("stages", ()))


def as_trained(batch: Batch, trained: Sequence[Stage], done: Sequence[Stage]) -> Batch:
    """Normalize images as the training data was.

    trained, done: the stages applied to the training data and to these images, of which only normalizations count.
    Raises WrongUse where these images have been normalized differently.
    """
    wanted, had = (
        [_normalization(stage) for stage in stages if stage.stage == "normalize"] for stages in (trained, done)
    )
    if had and had != wanted:
        raise WrongUse(
            "These images have been normalized differently from those the model was trained on; give it the dataset "
            "that they were made from."
        )
    for params, scaling in wanted[len(had) :]:
        batch = normalize_batch(batch, params, scaling)
    return batch


def _normalization(stage: Stage) -> tuple[Normalize, Scaling | None]:
    """Give the settings of a recorded normalization, and the scaling that it fitted."""
    return Normalize.from_recorded(stage.parameters), Scaling(**stage.fitted) if stage.fitted else None
