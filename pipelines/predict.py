"""Predictions of a trained network for images that it has never seen: a dataset, an IDX file, or pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.batch import Batch
from mnist_data.errors import NoDataset, WrongUse
from mnist_data.idx import open_idx
from mnist_data.schema import Stage
from mnist_data.store import is_dataset, open_dataset, read_batches
from pipelines.normalize import Scaling, normalize_batch
from pipelines.parameters import Normalize
from pipelines.photos import digits_of, read_picture
from pipelines.prepare import UNKNOWN, find_pictures
from pipelines.tables import provenance, write_table
from pipelines.training.model_file import load_model
from pipelines.training.predictions import predict as predict_images
from pipelines.training.scores import prediction_table

if TYPE_CHECKING:
    from torch import nn

ROWS = 10_000
"""Images in memory at once."""

SHOWN = 40
"""Predictions that the command prints."""


def predict(model: str | Path, images: str | Path, splits: Sequence[str] | None = None) -> pd.DataFrame:
    """Predict the class of each image: a row each, as `prediction_table` names the columns, and `name`, the class's.

    model: a file that `train` has written. images: a dataset, of which `splits` chooses some; an IDX file of images; a
    picture or a folder of pictures, whose digits are found as `prepare` finds them. What the training data was
    normalized by is done to the images first, unless it has been done already. label is -1 where it is not known; of
    pictures there is a column `file`, of datasets `split`.

    Raises UnreadableInput for what is no model or cannot be read, WrongUse for images of another shape or otherwise
    normalized than those the model has learnt from.
    """
    network, configuration = load_model(model)
    learnt = [Stage(**stage) for stage in configuration["stages"]]
    tables = [
        _predict_batch(network, configuration, batch, learnt, done) for batch, done in _batches(str(images), splits)
    ]
    return pd.concat(tables, ignore_index=True)


def save_predictions(table: pd.DataFrame, target: str, model: str | Path, images: str | Path) -> None:
    """Write predictions to TARGET.parquet and TARGET.csv, with the model's hash in the metadata."""
    made = provenance("predict", {str(images): "", "model": storage.sha256_of(Path(model))}, {})
    write_table(table, target, made)


def _predict_batch(
    network: nn.Module, configuration: Mapping[str, Any], batch: Batch, learnt: Sequence[Stage], done: Sequence[Stage]
) -> pd.DataFrame:
    if list(batch.images.shape[1:]) != list(configuration["shape"]):
        shapes = (batch.images.shape[1:], configuration["shape"])
        found, expected = ("×".join(map(str, shape)) or "single numbers" for shape in shapes)
        raise WrongUse(
            f"The images are {found}, and {configuration['name']} has learnt from {expected}; bring pictures of digits "
            "to MNIST's form by mnist-data prepare."
        )
    ready = as_learnt(batch, learnt, done)
    if ready.images.dtype != np.dtype(configuration["dtype"]):
        raise WrongUse(
            f"The images are of type {ready.images.dtype}, and {configuration['name']} has learnt from "
            f"{configuration['dtype']}; convert or normalize them as its training data."
        )
    table = prediction_table(batch.ids, batch.labels, predict_images(network, ready.images))
    names = configuration["class_names"]
    table.insert(3, "name", [names[label] if label < len(names) else str(label) for label in table["predicted"]])
    table["correct"] = table["correct"].where(table["label"] >= 0, None).astype("boolean")
    for place, name in enumerate(name for name in ("file", "split") if name in batch.columns):
        table.insert(1 + place, name, batch.columns[name])
    return table


def as_learnt(batch: Batch, learnt: Sequence[Stage], done: Sequence[Stage]) -> Batch:
    """Normalize images as those were that the model has learnt from.

    learnt, done: the stages that the training data and these images have gone through; of both only normalizing
    counts. Raises WrongUse where these have been normalized otherwise.
    """
    wanted, had = ([stage.parameters for stage in stages if stage.stage == "normalize"] for stages in (learnt, done))
    if had and had != wanted:
        raise WrongUse(
            "These images have been normalized otherwise than those the model has learnt from; give it the dataset "
            "that they were made from."
        )
    for recorded in wanted[len(had) :]:
        settings = {name: value for name, value in recorded.items() if name != "learnt"}
        scaling = Scaling(**recorded["learnt"]) if "learnt" in recorded else None
        batch = normalize_batch(batch, Normalize(**settings), scaling)
    return batch


def _batches(images: str, splits: Sequence[str] | None) -> Iterator[tuple[Batch, Sequence[Stage]]]:
    """Read images of any kind, each batch with the stages that it has gone through."""
    if not storage.exists(images):
        raise NoDataset(
            images,
            "there is no such file or folder",
            "a dataset, an IDX file, a picture or a folder of pictures",
            "Check the path.",
        )
    if is_dataset(images):
        dataset = open_dataset(images)
        for split in splits or tuple(dataset.splits):
            if split not in dataset.splits:
                raise WrongUse(f"{images} has no split {split!r}; it has {', '.join(dataset.splits)}.")
            for batch in read_batches(dataset, split, ROWS):
                named = {**batch.columns, "split": np.full(len(batch), split, object)}
                yield Batch(batch.ids, batch.labels, batch.images, named), dataset.metadata.stages
    elif Path(images).is_file() and not _is_picture(Path(images)):
        with open_idx(images) as reader:
            first = 0
            for pixels in reader.batches(reader.rows_at_once(ROWS)):
                yield _unknown(pixels, first), ()
                first += len(pixels)
    else:
        yield _pictures(images), ()


def _is_picture(path: Path) -> bool:
    """Say whether the file's content is a picture, whatever its name."""
    from PIL import Image

    try:
        with Image.open(path):
            return True
    except (OSError, ValueError, SyntaxError):
        return False


def _unknown(pixels: Any, first: int, **columns: Any) -> Batch:
    ids = np.arange(first, first + len(pixels))
    return Batch(ids, np.full(len(pixels), UNKNOWN, np.int64), pixels, columns)


def _pictures(images: str) -> Batch:
    found = [
        (name, digit.image) for path, name in find_pictures(Path(images)) for digit in digits_of(read_picture(path))
    ]
    if not found:
        raise WrongUse(f"{images}: no digit was found in any picture.")
    return _unknown(np.stack([image for _, image in found]), 0, file=np.array([name for name, _ in found], object))
