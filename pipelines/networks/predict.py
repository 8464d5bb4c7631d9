"""Predictions of a trained network for new images: a dataset, an IDX file, or photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.batch import Batch, Images
from mnist_data.errors import NoDataset, WrongUse
from mnist_data.idx.format import open_idx
from mnist_data.parquet.dataset import is_dataset, open_dataset, read_batches
from mnist_data.parquet.schema import Stage, stage_of
from mnist_data.parquet.tables import provenance, require_folder, write_table
from pipelines.images.find_digits import digits_of, read_photo
from pipelines.images.scaling import Scaling
from pipelines.networks.evaluation.predictions import Probabilities, predict_mean
from pipelines.networks.evaluation.scores import prediction_table
from pipelines.networks.export.onnx_file import load_onnx
from pipelines.networks.training.model_file import load_model
from pipelines.settings.stages import Normalize
from pipelines.stages.normalize import normalize_batch
from pipelines.stages.prepare import UNKNOWN, find_photos

Network = Callable[[Images], Probabilities]
"""Gives the probabilities of the classes, (n, classes) float32, for images."""

ROWS = 10_000
"""Images in memory at once."""

SHOWN = 40
"""Most predictions that the command prints."""


def predict(model: str | Path, images: str | Path, splits: Sequence[str] | None = None) -> pd.DataFrame:
    """Predict the class of each image: a row each, as `prediction_table` names the columns, and `name`, the class's.

    model: a file that `train`, `onnx` or `compress` has written, or a folder of `train`, whose networks form an
    ensemble. images: a dataset, of which `splits` chooses some; an IDX file of images; a photo or a folder of photos,
    whose digits are found as `prepare` finds them. Images are normalized as the training data was, unless they are
    already. label is -1 where it is not known; photos get a column `file`, datasets `split`.

    Raises UnreadableInput for what is no model or cannot be read, WrongUse for images of another shape or normalization
    than those the model was trained on.
    """
    network, configuration = _open_network(model)
    tables = [predict_batch(network, configuration, batch, done) for batch, done in _batches(str(images), splits)]
    return pd.concat(tables, ignore_index=True)


def _open_network(model: str | Path) -> tuple[Network, dict[str, Any]]:
    """Read a network, from an ONNX file without PyTorch; from a folder the ensemble of its networks."""
    if str(model).endswith(".onnx"):
        return load_onnx(model)
    models = [load_model(path) for path in _files(model)]
    return partial(predict_mean, [network for network, _ in models]), models[0][1]


def _files(model: str | Path) -> list[Path]:
    """Give the files of a model: itself, or those in a folder that `train` has written."""
    if not Path(model).is_dir():
        return [Path(model)]
    paths = sorted(Path(model).glob("*.safetensors"))
    if not paths:
        raise NoDataset(str(model), "no .safetensors file lies in it", "a model, or a folder of them", "Train one.")
    return paths


def save_predictions(
    table: pd.DataFrame, folder: str | Path, model: str | Path, images: str | Path, *, overwrite: bool = False
) -> None:
    """Write FOLDER/predictions.parquet and .csv, with the model's hash in the metadata.

    Raises OutputExists where the folder holds anything that is not to be replaced.
    """
    require_folder(folder, overwrite)
    models = {path.name: storage.sha256_of(path) for path in _files(model)}
    made = provenance("predict", {str(images): "", **models}, {})
    write_table(table, f"{folder}/predictions", made)


def predict_batch(
    network: Network, configuration: Mapping[str, Any], batch: Batch, done: Sequence[Stage]
) -> pd.DataFrame:
    """Predict one batch as `predict` does. done: the stages already applied to its images."""
    table = prediction_table(batch.ids, batch.labels, network(ready(configuration, batch, done).images))
    table.insert(3, "name", [class_name(configuration, label) for label in table["predicted"]])
    table["correct"] = table["correct"].where(table["label"] >= 0, None).astype("boolean")
    for place, name in enumerate(name for name in ("file", "split") if name in batch.columns):
        table.insert(1 + place, name, batch.columns[name])
    return table


def class_name(configuration: Mapping[str, Any], label: int) -> str:
    """Name a class of a model; the number itself where no name is known."""
    names = configuration["class_names"]
    return str(names[label]) if 0 <= label < len(names) else str(label)


def ready(configuration: Mapping[str, Any], batch: Batch, done: Sequence[Stage]) -> Batch:
    """Normalize images as the model's training data was.

    configuration: of the model, as `load_model` gives it. done: the stages already applied to the images. Raises
    WrongUse for images of another shape, type or normalization.
    """
    if list(batch.images.shape[1:]) != list(configuration["shape"]):
        shapes = (batch.images.shape[1:], configuration["shape"])
        given, expected = ("×".join(map(str, shape)) or "single numbers" for shape in shapes)
        raise WrongUse(
            f"The images are {given}, and {configuration['name']} was trained on {expected}; bring photos of digits "
            "to MNIST's form with mnist-data prepare."
        )
    batch = as_trained(batch, trained_stages(configuration), done)
    if batch.images.dtype != np.dtype(configuration["dtype"]):
        raise WrongUse(
            f"The images are of type {batch.images.dtype}, and {configuration['name']} was trained on "
            f"{configuration['dtype']}; convert or normalize them as its training data was."
        )
    return batch


def trained_stages(configuration: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Give the stages applied to a model's training data."""
    return tuple(stage_of(stage) for stage in configuration["stages"])


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


def _batches(images: str, splits: Sequence[str] | None) -> Iterator[tuple[Batch, Sequence[Stage]]]:
    """Read images of any kind, each batch with the stages already applied to it."""
    if not storage.exists(images):
        raise NoDataset(
            images,
            "there is no such file or folder",
            "a dataset, an IDX file, a photo or a folder of photos",
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
        return
    if not Path(images).is_dir():
        storage.require_file(images, "a dataset, an IDX file, a photo or a folder of photos", "Check the path.")
    if Path(images).is_file() and not _is_photo(Path(images)):
        with open_idx(images) as reader:
            first = 0
            for pixels in reader.batches(reader.rows_at_once(ROWS)):
                yield _unknown(pixels, first), ()
                first += len(pixels)
    else:
        yield _photos(images), ()


def _is_photo(path: Path) -> bool:
    """Say whether the file's content is an image that Pillow can read, whatever its name."""
    from PIL import Image

    try:
        with Image.open(path):
            return True
    except (OSError, ValueError, SyntaxError):
        return False


def _unknown(pixels: Any, first: int, **columns: Any) -> Batch:
    ids = np.arange(first, first + len(pixels))
    return Batch(ids, np.full(len(pixels), UNKNOWN, np.int64), pixels, columns)


def _photos(images: str) -> Batch:
    digits = [(name, digit.image) for path, name in find_photos(Path(images)) for digit in digits_of(read_photo(path))]
    if not digits:
        raise WrongUse(f"{images}: no digit was found in any photo.")
    return _unknown(np.stack([image for _, image in digits]), 0, file=np.array([name for name, _ in digits], object))
