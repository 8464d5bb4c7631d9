"""What pandas users call: a dataset as a DataFrame, and its images as one array."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import Dataset, open_dataset, read_whole
from mnist_data.parquet.pixels import read_arrays, take_arrays
from mnist_data.parquet.schema import Metadata, decode_images

if TYPE_CHECKING:
    from collections.abc import Sequence


def load(location: str | PathLike[str], split: str | None = None, *, cache: bool = True) -> pd.DataFrame:
    """Read a dataset into a DataFrame with the columns id, split, label, image and what else it holds.

    location: the dataset's folder or fsspec URL. split: one of its splits; all of them where none is named. cache: use
    the pixel cache, as `to_numpy` does. The images stay in Arrow memory, as bytes; `images` views them as an array.
    `df.attrs` has their shape.

    Raises NoDataset where there is none, WrongUse for a split it does not have.
    """
    dataset = open_dataset(location)
    splits = _chosen(dataset, split)
    table = _read(dataset, splits, cache)
    codes = np.repeat(
        np.arange(len(dataset.splits)), [dataset.splits[name] * (name in splits) for name in dataset.splits]
    )
    categories = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(dataset.splits)))
    # Built column by column: the numbers are shared with Arrow, and the images stay in its memory.
    columns: dict[str, Any] = {"id": table["id"].to_numpy(), "split": categories, "label": table["label"].to_numpy()}
    if "image" in table.column_names:  # the layout "pixels" has none
        columns["image"] = pd.arrays.ArrowExtensionArray(table["image"])
    columns |= {name: table[name].to_numpy() for name in table.column_names if name not in columns}
    frame = pd.DataFrame(columns, copy=False)
    frame.attrs.update(_attrs(dataset.metadata))
    return frame


def images(frame: pd.DataFrame, shape: Sequence[int] | None = None, dtype: str | None = None) -> npt.NDArray[Any]:
    """Give the images of a frame as an (n, height, width[, channels]) array, without copying each image.

    frame: from `load` (no copy where its rows lie together) or from `pandas.read_parquet` on our files (one
    copy in all). shape, dtype: of one image, needed only where `frame.attrs` has been lost.
    """
    shape = frame.attrs.get("image_shape") if shape is None else shape
    kind = np.dtype(dtype or frame.attrs.get("image_dtype", "uint8")).newbyteorder("<")
    if shape is None:
        raise WrongUse(
            "The image shape of this frame is lost (frame.attrs is empty); give it: images(df, shape=(28, 28))."
        )
    if "image" not in frame:
        names = [f"pixel{index}" for index in range(int(np.prod(shape)))]
        return frame[names].to_numpy(kind).reshape(-1, *shape)
    column = frame["image"]
    if isinstance(column.dtype, pd.ArrowDtype):
        table = pa.table({"image": column.array.__arrow_array__()})
        layout = {pa.types.is_fixed_size_list: "list", pa.types.is_struct: "png"}
        name = next((name for test, name in layout.items() if test(table["image"].type)), "binary")
        return decode_images(table, Metadata("", tuple(shape), kind.name, layout=name))
    if len(column) and not isinstance(column.iloc[0], bytes):
        raise WrongUse("This frame's images are lists or PNG files; read it with mnist_data.load, which unpacks them.")
    return np.frombuffer(b"".join(column), kind).reshape(-1, *shape)


def to_numpy(
    location: str | PathLike[str],
    split: str | None = None,
    *,
    rows: npt.ArrayLike | slice | None = None,
    label: int | None = None,
    cache: bool = True,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Read a dataset's images, (n, height, width[, channels]), and labels, (n,) int64, in the order of its rows.

    split: one of its splits; all of them where none is named. rows: only these, in this order: places from 0, negative
    ones from the end, a mask or a slice. label: only samples with this label. Both arrays are your own.

    cache: keep the unpacked pixels in the user's cache folder, and read them there the next time; MNIST_DATA_CACHE=off
    does so for all calls. Some rows are then read as fast as from an array on the disk; without it, the row groups that
    they lie in are unpacked.

    Raises NoDataset where there is none, WrongUse for a split or a row that it does not have.
    """
    dataset = open_dataset(location)
    splits = _chosen(dataset, split)
    if rows is None and label is None:
        arrays = read_arrays(dataset, splits, cache)
    else:
        arrays = take_arrays(dataset, splits, rows, label, cache)
    return arrays.images, arrays.labels


def _chosen(dataset: Dataset, split: str | None) -> list[str]:
    if split is not None and split not in dataset.splits:
        raise WrongUse(f"{dataset.location} has no split {split!r}; it has {', '.join(dataset.splits)}.")
    return list(dataset.splits) if split is None else [split]


def _read(dataset: Dataset, splits: Sequence[str], cache: bool) -> pa.Table:
    """Read all columns of some splits; fixed-size images by way of one array, in which the cache has them."""
    files = [file for file in dataset.files if file[0] in splits]
    if dataset.metadata.layout != "binary":
        return read_whole(files)
    table = read_whole(files, without=["image"])
    pixels = read_arrays(dataset, splits, cache).images
    pixels.flags.writeable = False  # as all of Arrow's memory is
    kind = pa.binary(dataset.metadata.image_bytes)
    column = pa.FixedSizeBinaryArray.from_buffers(kind, len(pixels), [None, pa.py_buffer(pixels)])
    return table.append_column(pa.field("image", kind, nullable=False), column)


def _attrs(metadata: Metadata) -> dict[str, Any]:
    return {
        "dataset": metadata.dataset,
        "image_shape": list(metadata.shape),
        "image_dtype": metadata.dtype,
        "classes": list(metadata.classes),
    }
