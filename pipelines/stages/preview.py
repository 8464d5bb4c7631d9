"""Preview of a recipe: tables of originals and copies, by each transform alone and by all together."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from mnist_data.batch import Batch, shape_text
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Metadata
from pipelines.engine.map_dataset import require_images, require_originals
from pipelines.engine.memory import BASE, require_bytes
from pipelines.images.levels import levels_of
from pipelines.images.thumbnails import first_samples, thumbnail_table
from pipelines.settings.recipe import TRANSFORMS
from pipelines.settings.stages import Augment
from pipelines.stages.augment import augment_batch, require_levels

COPIES = 8
SAMPLES = 10
ALONE = 3
"""Originals shown for each transform alone."""


def preview_tables(source: Dataset, params: Augment) -> dict[str, pd.DataFrame]:
    """Make the copies that the page shows.

    augmentation: the first sample of each class and 8 copies of it, as the recipe makes them. transforms: the same of
    three samples for each transform alone, in every copy, the weakest first, with columns for the transform, its
    meaning and its range. Raises WrongUse as `augment` does.
    """
    require_images(source)
    require_originals(source, "preview")
    require_levels(params.recipe, levels_of(source.metadata))
    originals, levels = first_of_each_class(source), levels_of(source.metadata)
    params = params.replace(copies=COPIES)
    images = (COPIES + 1) * (len(originals) + min(ALONE, len(originals)) * len(params.recipe.amounts))
    require_bytes(
        f"preview of {source.location}",
        BASE + 2 * images * source.metadata.image_bytes,  # as copies, and in the page's tables
        f"{images:,} images of {shape_text(source.metadata.shape)} {source.metadata.dtype}",
        ["take a recipe of fewer transforms"],
    )
    tables = {"augmentation": _thumbnails(augment_batch(originals, params, levels), source.metadata)}
    few = originals.take(slice(0, ALONE))
    alone = []
    for name, amount in params.recipe.amounts.items():
        copies = augment_batch(few, params.replace(recipe=params.recipe.only(name)), levels)
        # The originals first, then by the amount; the samples one after another.
        strength = np.where(copies.columns["copy"] > 0, copies.columns[TRANSFORMS[name].amounts[0]], -np.inf)
        order = np.lexsort((strength, np.repeat(np.arange(len(few)), COPIES + 1)))
        described = {"meaning": TRANSFORMS[name].meaning, **asdict(amount)}
        alone.append(_thumbnails(copies.take(order), source.metadata).assign(transform=name, **described))
    if alone:
        tables["transforms"] = pd.concat(alone, ignore_index=True)
        tables["transforms"].attrs = tables["augmentation"].attrs
    return tables


def first_of_each_class(source: Dataset) -> Batch:
    """Take the first training sample of each class, of up to ten classes, in the order of their labels."""
    first = first_samples(source, source.training_split, 1)
    if first is None:
        raise WrongUse(f"{source.location} has no training samples to show copies of.")
    return first.take(np.argsort(first.labels, kind="stable")[:SAMPLES])


def _thumbnails(batch: Batch, metadata: Metadata) -> pd.DataFrame:
    return thumbnail_table({**batch.columns, "label": batch.labels}, batch.images, metadata)
