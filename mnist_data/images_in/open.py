"""Which form a file or folder has, decided by its content, and its splits as streams."""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_data.errors import MnistDataError, NoDataset, UnreadableInput, WrongUse
from mnist_data.idx.compression import open_decoded
from mnist_data.idx.names import split_order
from mnist_data.images_in import csv, folders, hdf5, matlab, npy, npz, pickles, refused
from mnist_data.images_in.class_list import CLASS_LIST, read_class_list, with_class_list
from mnist_data.images_in.stream import Form, ImageStream, Options, Source

HEAD_BYTES = 1 << 16
"""Decoded bytes of a file that decide its form."""

FORMS: tuple[Form, ...] = (
    folders.FORM,
    npz.FORM,
    npy.FORM,
    hdf5.FORM,
    matlab.FORM,
    pickles.FORM,
    csv.FORM,
)
"""All forms besides IDX, the surest to recognise first."""

READABLE = "IDX, CSV, .npz, .npy, HDF5, MATLAB, or image files in class folders or an archive"
"""The forms as messages name them."""


@dataclass(frozen=True)
class OpenSource:
    """A source whose form is known. form: its name. streams: its splits: train, test, then others by name."""

    form: str
    streams: tuple[ImageStream, ...]


def open_source(path: str, options: Options | None = None) -> OpenSource:
    """Open what is no IDX.

    Raises NoDataset, UnreadableInput or WrongUse, which say what the source is and what to do: where its form is not
    read, where it holds several sets of images, or where nothing says which split an image belongs to.
    """
    options = options or Options()
    form, sources = _of_folder(Path(path)) if Path(path).is_dir() else _of_file(path)
    streams = form.streams(sources, options)
    splits = [stream.split for stream in streams]
    if options.split is not None and len(streams) == 1:
        streams[0].split = options.split
    elif options.split is not None:
        raise WrongUse(f"{path} holds the splits {', '.join(splits)}; leave --split out.")
    if len(set(splits)) < len(splits):
        listed = ", ".join(f"{Path(stream.path).name} ({stream.split})" for stream in streams)
        raise WrongUse(f"{path}: nothing says which splits {listed} are; convert them one by one with --split.")
    if Path(path).is_dir():
        streams = with_class_list(streams, read_class_list(Path(path)))
    return OpenSource(form.name, tuple(sorted(streams, key=lambda stream: split_order(stream.split))))


def _of_file(path: str) -> tuple[Form, Sequence[Source]]:
    source = Source(path, _head(path))
    form = _form_of(source)
    if form is None:
        raise refused.error_of(source, READABLE)
    return form, [source]


def _of_folder(folder: Path) -> tuple[Form, Sequence[Source]]:
    """Find the files of a folder that have a form, or see the folder itself as class folders of image files."""
    if folders.FORM.recognises(Source(str(folder))):
        return folders.FORM, [Source(str(folder))]
    files: dict[str, list[Source]] = {}
    for source in _files_of(folder):
        if form := _form_of(source):
            files.setdefault(form.name, []).append(source)
    if len(files) > 1:
        commands = "; ".join(
            f"mnist-data convert {shlex.quote(source.path)} OUT" for sources in files.values() for source in sources
        )
        raise WrongUse(f"{folder} holds files of the forms {', '.join(files)}. Convert one of them: {commands}.")
    for form in FORMS:
        if form.name in files:
            return form, files[form.name]
    raise NoDataset(
        str(folder),
        "nothing in it is a form of labelled images",
        "IDX files, CSV files, or image files in class folders",
        "Name a file, or see the forms that convert reads in the documentation.",
    )


def _files_of(folder: Path) -> Iterator[Source]:
    """Give the files of a folder that have a form. Raises for one whose name claims a form that its content has not."""
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith(".") or path.name == CLASS_LIST:
            continue
        claimed = any(ending in path.name.lower() for form in FORMS for ending in form.endings)
        try:
            source = Source(str(path), _head(str(path)))
        except UnreadableInput:
            if claimed:
                raise
            continue
        if claimed and _form_of(source) is None:
            raise refused.error_of(source, READABLE)
        yield source


def _form_of(source: Source) -> Form | None:
    return next((form for form in FORMS if form.recognises(source)), None)


def _head(path: str) -> bytes:
    """Read the first decoded bytes; of an archive of several files those of the archive itself."""
    try:
        with open_decoded(path) as stream:
            return stream.read(HEAD_BYTES)
    except MnistDataError:
        if zipfile.is_zipfile(path):
            return b"PK\x03\x04"
        raise
