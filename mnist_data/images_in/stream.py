"""What every form of labelled images gives: splits, each read from front to back in batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from mnist_data.batch import Images, Integers
from mnist_data.errors import UnreadableInput

UNLABELLED = -1
"""The label of an image that has none."""


@dataclass(frozen=True)
class Rows:
    """Some images and their labels, (n, *shape) and (n,) int64; columns: what else is known of each, (n,)."""

    images: Images
    labels: Integers
    columns: dict[str, npt.NDArray[Any]]


class ImageStream(ABC):
    """One split, whatever its form: what is known before anything is read, and the rows. Reading it again begins anew.

    path: of the file or folder. files: all that are read, where these are several. split: whose images these are.
    shape, dtype: of one image. classes: their names, by label; empty where the form has none. notes: what was decided
    for the user, who reads of it. left_out: files that cannot be read and are left out, as the user asked for.
    """

    path: str
    split: str
    shape: tuple[int, ...]
    dtype: str
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @abstractmethod
    def rows(self, count: int) -> Iterator[Rows]:
        """Give all rows in order, at most `count` at a time; memory is bounded by these."""

    @property
    @abstractmethod
    def sha256(self) -> str:
        """SHA-256 of what was read, known once `rows` has ended."""


class Misjudged(UnreadableInput):
    """A later row showed that the type or the classes of a stream are others than its first rows said.

    The stream has the right ones by now: whoever wrote down what it said before begins again.
    """


@dataclass(frozen=True)
class Source:
    """A file or folder to read. head: the first decoded bytes of a file, by which a form recognises it."""

    path: str
    head: bytes = b""


@dataclass(frozen=True)
class Options:
    """What the user says where a source does not: the split, and the size of an image, as in "28x28".

    skip_unreadable: leave out image files that cannot be read, or that a table of their labels does not name. form: the
    key of one, where a source has several. label_column: the name of the labels' column in a table.
    """

    split: str | None = None
    size: str | None = None
    skip_unreadable: bool = False
    form: str | None = None
    label_column: str | None = None


@dataclass(frozen=True)
class Form:
    """A way in which people hold labelled images.

    name: as messages call it. endings: of the names that claim it, so that a damaged file is an error and no stranger.
    recognises: whether a source has this form, by its content. streams: opens the files of a source that have this
    form, one split a stream; it raises UnreadableInput or WrongUse, which say what to do.
    """

    name: str
    endings: tuple[str, ...]
    recognises: Callable[[Source], bool]
    streams: Callable[[Sequence[Source], Options], Sequence[ImageStream]]

    @property
    def key(self) -> str:
        """The name as options take it: image-files, csv, npz."""
        return self.name.lower().strip(".").replace(" ", "-")

    def claims(self, name: str) -> bool:
        """Say whether a file's name claims this form."""
        return any(ending in name.rpartition("/")[2].lower() for ending in self.endings)
