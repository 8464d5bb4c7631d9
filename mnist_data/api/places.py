"""Where results go by default, and which file is meant where a folder of results is named."""

from __future__ import annotations

from pathlib import Path

from mnist_data import storage
from mnist_data.api.sources import Place, location_of
from mnist_data.errors import NoDataset, WrongUse
from mnist_data.parquet.dataset import Dataset


def place_beside(out: Place | None, source: Dataset | str, command: str) -> str:
    """Give the output that was named, or else DATASET-COMMAND. source: a dataset, or what else was worked on."""
    if out is not None:
        return location_of(out)
    return f"{source.location if isinstance(source, Dataset) else source.rstrip('/')}-{command}"


def table_file(place: Place | None, name: str) -> str | None:
    """Give the file of a table: the one that was named, or in a folder of results the table of this name."""
    if place is None:
        return None
    location = location_of(place)
    return f"{location}/{name}.parquet" if not storage.is_remote(location) and Path(location).is_dir() else location


def model_file(place: Place) -> str:
    """Give the file of a network: the one that was named, or the only one in a folder that `train` has written.

    Raises NoDataset for a folder without any, WrongUse where it holds several.
    """
    location = location_of(place)
    if storage.is_remote(location) or not Path(location).is_dir():
        return location
    files = storage.files_in(location, ".safetensors")
    if not files:
        raise NoDataset(location, "no .safetensors file lies in it", "a model, or the folder of one", "Train one.")
    if len(files) > 1:
        raise WrongUse(f"{location} holds {len(files)} networks; name one of them, as in {files[0]}.")
    return files[0]
