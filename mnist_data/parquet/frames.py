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
from mnist_data.parquet.schema import Metadata, decode_images

if TYPE_CHECKING:
    from collections.abc import Sequence


def load(location: str | PathLike[str], split: str | None = None) -> pd.DataFrame:
    """Read a dataset into a DataFrame with the columns id, split, label, image and what else it holds.

    location: the dataset's folder or fsspec URL. split: one of its splits; all of them where none is named.
    The images stay in Arrow memory, as bytes; `images` views them as an array. `df.attrs` has their shape.

    Raises NoDataset where there is none, WrongUse for a split it does not have.
    """
    dataset = open_dataset(location)
    table, splits = _read(dataset, split)
    # Built column by column: the numbers are shared with Arrow, and the images stay in its memory.
    columns: dict[str, Any] = {"id": table["id"].to_numpy(), "split": splits, "label": table["label"].to_numpy()}
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


def to_numpy(location: str | PathLike[str], split: str | None = None) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Read a dataset's images, (n, height, width[, channels]), and labels, (n,) int64, in the order of its rows."""
    dataset = open_dataset(location)
    table, _ = _read(dataset, split)
    return decode_images(table, dataset.metadata), table["label"].to_numpy()


def _read(dataset: Dataset, split: str | None) -> tuple[pa.Table, pd.Categorical[Any]]:
    if split is not None and split not in dataset.splits:
        raise WrongUse(f"{dataset.location} has no split {split!r}; it has {', '.join(dataset.splits)}.")
    table = read_whole([file for file in dataset.files if split in (None, file[0])])
    rows = [count if split in (None, name) else 0 for name, count in dataset.splits.items()]
    codes = np.repeat(np.arange(len(rows)), rows)
    return table, pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(dataset.splits)))


def _attrs(metadata: Metadata) -> dict[str, Any]:
    return {
        "dataset": metadata.dataset,
        "image_shape": list(metadata.shape),
        "image_dtype": metadata.dtype,
        "classes": list(metadata.classes),
    }
