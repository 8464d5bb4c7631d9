"""NumPy's files: an .npz with images and labels of one or more splits. Pickles are never loaded.

Keras' mnist.npz has x_train, y_train, x_test, y_test; MedMNIST train_images, train_labels, val_images, …; others images
and labels, or data and target.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.errors import MismatchedPair, UnreadableInput
from mnist_data.idx.format import Header
from mnist_data.idx.labels import form_of, labels_of
from mnist_data.idx.layout import layout_of
from mnist_data.idx.names import Role, parse_name, split_order
from mnist_data.images_in.stream import UNLABELLED, Form, ImageStream, Options, Rows, Source

IMAGES = re.compile(r"(^|_)(x|data|images?|imgs?|pixels|arr_0)(_|$)", re.IGNORECASE)
LABELS = re.compile(r"(^|_)(y|targets?|labels?|classes|arr_1)(_|$)", re.IGNORECASE)


class ArrayStream(ImageStream):
    """Images and labels that are arrays already. labels: (n,), (n, 1) or one-hot (n, k); None where there are none."""

    def __init__(
        self,
        path: str,
        split: str,
        images: npt.NDArray[np.generic],
        labels: npt.NDArray[np.generic] | None,
        size: str | None = None,
    ) -> None:
        self.path, self.split = path, split
        if labels is not None and len(labels) != len(images):
            raise MismatchedPair(
                path,
                f"{len(labels):,} labels for {len(images):,} images",
                "one label for each image",
                "Check the file.",
            )
        self._layout = layout_of(images.shape[1:], images[:1_000], path, size)
        self._images, self.shape = images, self._layout.shape
        self.dtype = _stored_type(path, images)
        self.notes = (self._layout.note,) if self._layout.note else ()
        self._labels = np.full(len(images), UNLABELLED, np.int64) if labels is None else _as_labels(path, labels)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return storage.sha256_of(Path(self.path))

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the images in order."""
        for first in range(0, max(1, len(self._images)), count):
            items = self._images[first : first + count]
            images = np.ascontiguousarray(self._layout.images(items)).astype(self.dtype, copy=False)
            yield Rows(images, self._labels[first : first + count], {})


def npz_streams(path: str, size: str | None = None) -> list[ArrayStream]:
    """Find the splits of an .npz file. Raises UnreadableInput for a damaged one, for pickles, and for other arrays."""
    splits: dict[str, dict[Role, npt.NDArray[np.generic]]] = {}
    arrays = _arrays(path)
    for name, array in arrays.items():
        role, split = _role_of(name), parse_name(name.replace("arr_0", "x").replace("arr_1", "y")).split
        if role:
            splits.setdefault(split or "train", {})[role] = array
    if not any("images" in parts for parts in splits.values()):
        raise UnreadableInput(
            path,
            f"arrays of the names {', '.join(arrays) or '(none)'}",
            "images and labels, as x_train and y_train, train_images and train_labels, or data and target",
            "Save them again under such names: numpy.savez(FILE, images=…, labels=…).",
        )
    order = sorted((split for split in splits if "images" in splits[split]), key=split_order)
    return [ArrayStream(path, split, splits[split]["images"], splits[split].get("labels"), size) for split in order]


def _arrays(path: str) -> Mapping[str, npt.NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, KeyError, MemoryError) as cause:
        pickled = "pickle" in str(cause)
        raise UnreadableInput(
            path,
            "arrays of Python objects, which only a pickle holds" if pickled else f"it cannot be read ({cause})",
            "an .npz file of plain arrays",
            "A pickle can run code: save the arrays again with numpy.savez." if pickled else "Fetch the file again.",
        ) from cause


def _role_of(name: str) -> Role | None:
    if LABELS.search(name):
        return "labels"
    return "images" if IMAGES.search(name) else None


def _stored_type(path: str, images: npt.NDArray[np.generic]) -> str:
    """Give the type in which a dataset holds the pixels: that of the array, or a narrower one with the same values."""
    kind = images.dtype
    if kind.kind == "b":
        return "uint8"
    if kind.kind in "iu" and kind.itemsize == 8:
        low, high = (int(images.min()), int(images.max())) if images.size else (0, 0)
        kinds = (("uint8", np.iinfo("uint8")), ("int16", np.iinfo("int16")), ("int32", np.iinfo("int32")))
        narrow = next((name for name, limits in kinds if limits.min <= low and high <= limits.max), "")
        if narrow:
            return narrow
    if kind.kind not in "iuf":
        raise UnreadableInput(path, f"images of the type {kind.name}", "numbers", "Save the pixels as numbers.")
    return kind.newbyteorder("=").name


def _as_labels(path: str, labels: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    numeric = labels.astype(np.int64) if labels.dtype.kind in "bu" else labels
    header = Header(np.dtype(">i4") if numeric.dtype.kind == "i" else np.dtype(">f8"), numeric.shape)
    return labels_of(numeric, form_of(header, numeric, path), path)


def _recognises(source: Source) -> bool:
    if not zipfile.is_zipfile(source.path):
        return False
    with zipfile.ZipFile(source.path) as archive:
        return any(name.endswith(".npy") for name in archive.namelist())


def _streams(sources: Sequence[Source], options: Options) -> list[ArrayStream]:
    return [stream for source in sources for stream in npz_streams(source.path, options.size)]


FORM = Form(".npz", (".npz",), _recognises, _streams)
