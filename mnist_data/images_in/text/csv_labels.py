"""Labels in a table of their own, a line each, next to a table of images: csvTrainLabel.csv and csvTrainImages.csv."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from mnist_data.errors import MismatchedPair
from mnist_data.idx.layout import as_announced
from mnist_data.images_in.stream import ImageStream, Misjudged, Rows
from mnist_data.images_in.text.cells import TableStream
from mnist_data.images_in.text.reader import LABEL
from mnist_data.images_in.text.table import Table, split_of


class PairedStream(ImageStream):
    """A table of images whose labels are in another file, in the same order."""

    def __init__(self, images: TableStream, path: str, table: Table) -> None:
        self._images, self._labels = images, _label_stream(path, table)
        self.path, self.files, self.shape = images.path, (images.path, path), images.shape
        self.split = split_of(path)
        self._follow()

    @property
    def sha256(self) -> str:
        """SHA-256 of those of both texts, known once `rows` has ended."""
        return hashlib.sha256((self._images.sha256 + self._labels.sha256).encode()).hexdigest()

    def rows(self, count: int) -> Iterator[Rows]:
        """Give images and labels in order. Raises MismatchedPair where there are more of one than of the other."""
        labels = np.concatenate([*(rows.labels for rows in self._labels.rows(count)), np.empty(0, np.int64)])
        first = 0
        try:
            for rows in self._images.rows(count):
                chosen = labels[first : first + len(rows.labels)]
                first += len(rows.labels)
                if first <= len(labels):
                    yield Rows(rows.images, chosen, rows.columns)
        except Misjudged:
            self._follow()
            raise
        if first != len(labels):
            raise MismatchedPair(
                self._labels.path,
                f"{len(labels):,} labels for the {first:,} images of {self._images.path}",
                "one label for each image",
                "Check which files belong together.",
            )

    def _follow(self) -> None:
        self.dtype = self._images.dtype
        notes = [note for note in self._images.notes if "no label" not in note]
        self.notes = (*notes, f"{self.path}: its labels are those of {self._labels.path}, in the same order.")


def with_labels(streams: Sequence[TableStream], tables: Sequence[tuple[str, Table]]) -> list[ImageStream]:
    """Give each stream without labels those of the table of the same split, if there is one of each.

    tables: of one column each, with their paths.
    """
    lone = [stream for stream in streams if stream.split == "unlabelled"]
    by_split: dict[str, list[tuple[str, Table]]] = {}
    for path, table in tables:
        by_split.setdefault(split_of(path), []).append((path, table))
    paired: list[ImageStream] = []
    for stream in streams:
        split = split_of(stream.path)
        alone = sum(split_of(other.path) == split for other in lone) == 1
        if stream in lone and alone and len(by_split.get(split, [])) == 1:
            paired.append(PairedStream(stream, *by_split[split][0]))
        else:
            paired.append(stream)
    return paired


def _label_stream(path: str, table: Table) -> TableStream:
    places: npt.NDArray[np.int64] = np.array([LABEL])
    return TableStream(path, "", as_announced((0,)), "uint8", table.begin, table.grammar, places, table.names)
