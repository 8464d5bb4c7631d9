"""classes.txt: the names of all classes, a line each in the order of their labels, and the folders of these names.

A CSV file has numbers for labels, and class folders only names, in whatever order a file system lists them. With this
list next to them, labels and names come back as they were.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

import numpy as np

from mnist_data.errors import WrongUse
from mnist_data.idx.compression import decoded_files
from mnist_data.idx.names import parse_name
from mnist_data.idx.tree import within_archive
from mnist_data.images_in.stream import UNLABELLED, ImageStream, Misjudged, Rows

CLASS_LIST = "classes.txt"
"""The name of the file, in the folder of the files or folders that it describes."""

MOST_BYTES = 1 << 20
"""A longer file of this name is no list of classes."""

NAME_BYTES = 255
"""Bytes that the name of a folder can have, on nearly every file system."""

EMPTY = "%"
"""The folder of the class whose name is empty; a name's own % is written %25."""

# What Windows refuses in a name, whatever the ending, and what readers of class folders pass over.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)|__macosx$", re.IGNORECASE)


def folder_names(classes: Sequence[str]) -> list[str]:
    """Name a folder for each class, each its name but for what file systems refuse, which is percent-encoded.

    That is / and the like, control characters, a dot at either end, a space at the end, names that Windows reserves,
    and those that would mean a split. Names that differ in case only are kept apart where the file system does not.
    Raises WrongUse for two classes of one name, and for a name that is too long.

    >>> folder_names(["A", "a", "5/6", ".hidden", "CON", ""])
    ['A', '%61', '5%2F6', '%2Ehidden', '%43ON', '%']
    """
    names: dict[str, int] = {}
    folders: dict[str, str] = {}
    for label, name in enumerate(classes):
        if names.setdefault(name, label) != label:
            raise WrongUse(f"The classes {names[name]} and {label} are both named {name!r}; folders cannot hold both.")
        folder = _safe(name)
        while _folded(folder) in folders:
            folder = _encoded_further(folder)
        if len(folder.encode()) > NAME_BYTES:
            raise WrongUse(f"The class {label} has a name of {len(name)} characters, too long for a folder: {name!r}.")
        folders[_folded(folder)] = folder
    return list(folders.values())


def class_of(folder: str) -> str:
    """Give the name of the class that a folder was named for.

    >>> class_of("5%2F6"), class_of("%")
    ('5/6', '')
    """
    return "" if folder == EMPTY else unquote(folder)


def write_class_list(path: Path, classes: Sequence[str]) -> None:
    """Write a list of classes. Raises WrongUse for a name that does not fit into a line."""
    for label, name in enumerate(classes):
        if "\n" in name or "\r" in name:
            raise WrongUse(f"The name of the class {label} has a line break, which {CLASS_LIST} cannot hold: {name!r}.")
    path.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8", newline="")


def read_class_list(place: Path) -> tuple[str, ...]:
    """Read the list in a folder or archive; empty where there is none."""
    try:
        text = _content(place).decode("utf-8-sig")
    except UnicodeDecodeError:
        return ()
    return tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")) if text else ()


def _content(place: Path) -> bytes:
    path = place / CLASS_LIST
    if path.is_file():
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    archive, inside = within_archive(place)
    lists = sorted(
        (member.name.count("/"), member) for member in inside if PurePosixPath(member.name).name == CLASS_LIST
    )
    if not lists:
        return b""
    content = next(stream.read(MOST_BYTES + 1) for _, stream in decoded_files(archive, [lists[0][1]]))
    return content if len(content) <= MOST_BYTES else b""


def with_class_list(streams: Sequence[ImageStream], names: Sequence[str]) -> list[ImageStream]:
    """Let a list number and name the classes of all streams, unless one of their classes is not in it.

    A stream without names, whose labels are numbers, takes the names of the list.
    """
    label_of = _label_of(names)
    if not names or any(label_of(folder) == UNLABELLED for stream in streams for folder in stream.classes):
        return list(streams)
    return [_Listed(stream, tuple(names)) for stream in streams]


def _label_of(names: Sequence[str]) -> Callable[[str], int]:
    """Give the function from a folder to the label of its class; UNLABELLED for one that is not in the list."""
    exact = {name: label for label, name in reversed(list(enumerate(names)))}
    composed = {_composed(name): label for name, label in exact.items()}

    def label_of(folder: str) -> int:
        name = class_of(folder)
        found = (labels.get(key) for labels in (exact, composed) for key in (name, folder, _composed(name)))
        return next((label for label in found if label is not None), UNLABELLED)

    return label_of


class _Listed(ImageStream):
    """A stream with the classes of a list."""

    def __init__(self, stream: ImageStream, classes: tuple[str, ...]) -> None:
        self._stream, self.classes, self.path, self.split = stream, classes, stream.path, stream.split
        self._take_over()

    def _take_over(self) -> None:
        stream = self._stream
        self.shape, self.dtype, self.notes = stream.shape, stream.dtype, stream.notes
        self.files, self.left_out = stream.files, stream.left_out

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read."""
        return self._stream.sha256

    def rows(self, count: int) -> Iterator[Rows]:
        """Give the rows, with labels that count in the list. Raises WrongUse where one is not in it after all."""
        label_of = _label_of(self.classes)
        labels = [label_of(name) for name in self._stream.classes]
        for name, label in zip(self._stream.classes, labels, strict=True):
            if label == UNLABELLED:
                raise WrongUse(f"{self.path}: the class {name!r} is not in {CLASS_LIST}; add it, or remove the list.")
        table = np.array([*labels, UNLABELLED], np.int64)  # −1, no label, takes the last
        try:
            for rows in self._stream.rows(count):
                yield Rows(rows.images, table[rows.labels] if labels else rows.labels, rows.columns)
        except Misjudged:
            self._take_over()
            raise


def _safe(name: str) -> str:
    if not name:
        return EMPTY
    encoded = re.sub(r'[/\\:*?"<>|%\x00-\x1f\x7f]', lambda match: quote(match[0], safe=""), name)
    encoded = re.sub(r"^\.|[. ]$", lambda match: f"%{ord(match[0]):02X}", encoded)
    return _encoded_further(encoded) if _RESERVED.match(encoded) or _means_a_split(encoded) else encoded


def _encoded_further(name: str) -> str:
    """Encode the first character that is not encoded yet, so that the name is another one of the same meaning."""
    done = re.match(r"(%[0-9A-F]{2})*", name)
    start = done.end() if done else 0
    return name[:start] + "".join(f"%{byte:02X}" for byte in name[start].encode()) + name[start + 1 :]


def _means_a_split(name: str) -> bool:
    parsed = (parse_name(name), parse_name(f"{name}-images"))
    return any(one.split is not None and not one.dataset for one in parsed)


def _folded(name: str) -> str:
    """Give what a file system compares that does not tell upper from lower case, nor é from e and an accent."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
