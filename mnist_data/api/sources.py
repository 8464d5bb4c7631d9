"""What a user may name as the thing to work on: a path, an fsspec URL, an open dataset, or the result of a call."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, TypeVar, cast

from mnist_data import storage
from mnist_data.api.results import Result
from mnist_data.api.work import showing
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.engine.execution import downloading

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.idx.names import ByteOrder
    from mnist_data.idx.pairing import Pair
    from mnist_data.images_in.stream import ImageStream

Value = TypeVar("Value")

Place = str | PathLike[str]
"""A path or fsspec URL; a `Dataset` and a `Result` are such paths, too."""


def dataset_of(source: Place) -> Dataset:
    """Open the dataset that is meant. Raises NoDataset where there is none."""
    if isinstance(source, Result) and source.dataset is not None:
        return source.dataset
    return open_dataset(source)


def about(dataset: Dataset) -> dict[str, str | None]:
    """Give what stands above tables of a dataset: its title, and what a reader must know before all else."""
    return {"title": dataset.metadata.title or dataset.metadata.dataset, "note": dataset.metadata.note or None}


def location_of(place: Place) -> str:
    """Give the path or URL that is meant as text. Raises WrongUse for one that is not UTF-8."""
    storage.require_utf8(fspath(place))
    return fspath(place)


def fetched(
    source: Place | pd.DataFrame | None, progress: bool | None
) -> tuple[Place | pd.DataFrame | None, str | None]:
    """Fetch the known dataset that a source names, and give its folder and its name; other sources as they are."""
    from mnist_data.known import fetch

    if not isinstance(source, str | PathLike) or fetch.named_by(location_of(source)) is None:
        return source, None
    with showing(progress) as report:
        return fetch.fetched(location_of(source), downloading(report))


def pairs_of(
    source: Place | None,
    images: Sequence[Place] | None,
    labels: Sequence[Place] | None,
    split: Sequence[str] | None,
    dataset: str | None,
    byte_order: ByteOrder,
) -> list[Pair]:
    """Find the pairs of IDX files to convert: those of a source, or those that are named one by one.

    Raises WrongUse where both or neither is given; what `resolve` and `explicit_pairs` raise.
    """
    from mnist_data.idx.pairing import explicit_pairs
    from mnist_data.known.fetch import resolve

    if images or labels:
        if source is not None:
            raise WrongUse("Files are named by --images and --labels already; leave out the source.")
        return explicit_pairs(_locations(images), _locations(labels), several(split))
    if source is None:
        raise WrongUse("Name a source: a folder of IDX files, one of them, a known dataset, or 'sample'.")
    if split:
        raise WrongUse("--split names the split of --images and --labels, or of another form than IDX.")
    return resolve(location_of(source), dataset, byte_order)


def streams_of(
    source: Place | pd.DataFrame | None,
    split: Sequence[str] | None,
    size: str | None,
    form: str | None = None,
    skip_unreadable: bool = False,
    label_column: str | None = None,
) -> list[ImageStream]:
    """Open what is no IDX: a file or folder of another form, or a table in memory; none where the source is IDX.

    Raises what opening these raises; WrongUse for more than one split, and for IDX files next to other forms.
    """
    from mnist_data.images_in.open import open_unless_idx
    from mnist_data.images_in.stream import Options

    names: list[str] = several(split)
    options = Options(names[0] if names else None, size, skip_unreadable, form, label_column)
    if source is not None and not isinstance(source, str | PathLike):
        from mnist_data.images_in.tables.frames import frame_streams, is_frame  # with pyarrow.compute

        if is_frame(source):
            if len(names) > 1:
                raise WrongUse("A DataFrame is one source; name one split for it, or give it a column 'split'.")
            return list(frame_streams(source, options))
    opened = None if source is None else open_unless_idx(location_of(cast(Place, source)), options)
    if opened is not None and len(names) > 1:
        raise WrongUse(f"{source} is one source; name one split for it.")
    return [] if opened is None else list(opened.streams)


def _locations(files: Sequence[Place] | None) -> list[str]:
    named: list[Place] = several(files)
    return [location_of(file) for file in named]


def several(values: Sequence[Value] | Value | None) -> list[Value]:
    """Give what may be one value, some or none as a list.

    >>> several("train"), several(3), several(None), several(["a", "b"])
    (['train'], [3], [], ['a', 'b'])
    """
    if values is None:
        return []
    if isinstance(values, str | PathLike) or not isinstance(values, Sequence):
        return [values]
    return list(values)
