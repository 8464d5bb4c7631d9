"""Labels in arrays: a number or text for each image, a column or row of them, or one-hot rows; no others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import shape_text
from mnist_data.errors import MismatchedPair
from mnist_data.idx.labels import labels_of
from mnist_data.images_in.class_names import number_texts

LARGEST = 2**53
"""Beyond this, floats do not hold every integer."""


def flat_labels(values: npt.NDArray[Any], items: int, path: str) -> npt.NDArray[Any]:
    """Bring labels into a row, (n,): int64, or texts as Python strings.

    values: (n,), (n, 1), (1, n), or one-hot (n, k) or (k, n), of zeros or -1 and a single 1. Raises MismatchedPair for
    labels that are not one for each image, which says what they seem to be.
    """
    row = values.reshape(-1) if values.size == items and sum(side != 1 for side in values.shape) <= 1 else values
    if row.ndim == 1:
        if len(row) != items:
            raise MismatchedPair(
                path, f"{len(row):,} labels for {items:,} images", "one label for each image", "Check the file."
            )
        return texts_of(row) if row.dtype.kind in "OUS" else numbers_of(row, path)
    if row.ndim == 2 and items in row.shape and row.dtype.kind in "buif":
        rows = row if len(row) == items else row.T
        if is_one_hot(rows):
            return np.asarray(rows.argmax(axis=1), np.int64)
    raise MismatchedPair(path, *_several(row, items))


def texts_of(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Give texts as Python strings, whether they are stored as such or as UTF-8 bytes."""
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.tolist()]
    return np.array(texts, object)


def numbers_of(values: npt.NDArray[Any], path: str) -> npt.NDArray[np.int64]:
    """Give numeric labels as integers. Raises MismatchedPair where one is none, or beyond what can be held exactly."""
    if values.dtype.kind not in "buif":
        raise MismatchedPair(path, f"labels of the type {values.dtype}", "numbers or text", "Check the file.")
    if values.dtype.kind in "uf" and len(values) and bool((np.abs(values[np.isfinite(values)]) > LARGEST).any()):
        raise MismatchedPair(
            path, f"labels as large as {values.max():g}", "classes from 0", "They may be identifiers: check the file."
        )
    return labels_of(values.astype(np.int64) if values.dtype.kind in "bu" else values, "numbers", path)


def is_one_hot(rows: npt.NDArray[Any]) -> bool:
    """Say whether every row has a single 1, and 0 or everywhere -1 besides."""
    if rows.shape[1] < 2 or not len(rows):
        return False
    ones = rows == 1
    return bool((ones.sum(axis=1) == 1).all() and ((rows == rows.min()) | ones).all() and rows.min() in (0, -1))


def _several(values: npt.NDArray[Any], items: int) -> tuple[str, str, str]:
    """Say what labels are that are more than one for each image: found, expected, advice."""
    shape = shape_text(values.shape)
    expected = "one label for each image, or one-hot rows"
    advice = "Write one class for each image, as in numpy.savez(FILE, images=…, labels=…)."
    if values.ndim > 2:
        return f"labels of {shape}, which look like masks of a segmentation", expected, "mnist-data reads classes."
    if items not in values.shape:
        return f"labels of {shape} for {items:,} images", expected, "Check the file."
    if values.dtype.kind in "buif" and bool(((values == 0) | (values == 1)).all()):
        return f"labels of {shape} with several classes for an image (multi-label)", expected, advice
    return f"labels of {shape}: several values for each image", expected, advice


def joint_classes(
    labels: Sequence[npt.NDArray[Any]], names: Collection[str] = ()
) -> tuple[list[npt.NDArray[np.int64]], tuple[str, ...]]:
    """Give labels that may be texts as numbers, alike in all splits. labels: (n,) each, int64 or texts.

    Gives them as int64, and the names of the classes: those of the texts, else `names`.
    """
    if not any(values.dtype.kind == "O" for values in labels):
        return list(labels), tuple(names)
    distinct = {str(text) for values in labels for text in values.tolist()}
    numbers, classes = number_texts(distinct)
    return [np.array([numbers[str(text)] for text in values.tolist()], np.int64) for values in labels], classes
