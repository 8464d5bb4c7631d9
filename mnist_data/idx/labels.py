"""Labels as files hold them: one number each, a column of them, whole-valued floats, one-hot rows, or a table."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mnist_data.errors import MismatchedPair
from mnist_data.idx.format import Header

LabelForm = Literal["numbers", "one-hot", "table"]

MAX_CLASSES = 1_000
"""The longest one-hot row that is taken for one: a longer row of bytes is an image."""


def form_of(header: Header, values: npt.NDArray[Any], path: str) -> LabelForm:
    """Say how a file holds labels, from its header and its first rows.

    values: the first rows, (n, *item shape). Rows that are 0 but for a single 1 are one-hot. Other rows of several 16-
    or 32-bit integers are a table whose first column is the label, as QMNIST's. Raises MismatchedPair, which names the
    file, for other rows: they are pixels.
    """
    if len(header.shape) == 1 or header.item_shape == (1,):
        return "numbers"
    if header.item_shape == (0,):
        raise MismatchedPair(
            path,
            f"{header.items:,} rows of nothing",
            "labels: a number each, one-hot rows, or a table of 16- or 32-bit integers",
            "The header is damaged, or no labels were written: fetch the file again.",
        )
    if _is_one_hot(values):
        return "one-hot"
    if (header.dtype.kind == "i" and header.dtype.itemsize >= 2) or not len(values):
        return "table"
    raise MismatchedPair(
        path,
        f"rows of {header.item_shape[0]:,} {header.type_name}s",
        "labels: a number each, one-hot rows, or a table of 16- or 32-bit integers",
        "Are these the images? Check which file is which.",
    )


def _is_one_hot(values: npt.NDArray[Any]) -> bool:
    if values.ndim != 2 or not 2 <= values.shape[1] <= MAX_CLASSES or not len(values):
        return False
    return bool(((values == 0) | (values == 1)).all() and (np.count_nonzero(values, axis=1) == 1).all())


def labels_of(values: npt.NDArray[Any], form: LabelForm, path: str) -> npt.NDArray[np.int64]:
    """Give the labels of some rows, (n,) int64.

    values: (n,), (n, 1), or (n, k) as `form` says. Raises MismatchedPair, which names the file, where a label is no
    integer, or a row of one-hot labels is not 0 but for a single 1.
    """
    if form == "one-hot":
        if len(values) and not _is_one_hot(values):
            raise MismatchedPair(
                path,
                "rows that are one-hot at first and are not later",
                "a single 1 and zeros in every row",
                "Write the number of each sample's class into one file of labels.",
            )
        return np.asarray(values.argmax(axis=1), np.int64)
    first = values[:, 0] if values.ndim == 2 else values
    if first.dtype.kind == "f":
        wrong = ~np.isfinite(first) | (first != np.rint(first))
        if wrong.any():
            raise MismatchedPair(
                path,
                f"labels such as {first[wrong][0]:g}",
                "integers, one for each image",
                "These may be targets of a regression, probabilities, or pixels: choose the file of the classes.",
            )
    return first.astype(np.int64)


def encode_labels(labels: npt.NDArray[np.int64], form: LabelForm, item_shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Give labels the shape that their file had: the opposite of `labels_of`, but for a table's other columns."""
    if form == "one-hot":
        return np.asarray(labels[:, None] == np.arange(item_shape[0]), np.uint8)
    return labels.reshape(len(labels), *item_shape)
