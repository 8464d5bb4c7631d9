"""Which form a file or folder has, decided by its content."""

from __future__ import annotations

import zipfile
from pathlib import Path

from mnist_data.errors import MnistDataError, NoDataset, UnreadableInput, WrongUse
from mnist_data.idx.compression import open_decoded
from mnist_data.idx.names import split_order
from mnist_data.images_in.arrays import npz_streams
from mnist_data.images_in.csv import CsvStream
from mnist_data.images_in.folders import ENDINGS, folder_streams, is_image_archive
from mnist_data.images_in.stream import ImageStream

REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Fetch it with: git lfs pull."),
    (b"<", "a web page or an error message in XML", "The download failed: fetch the file again."),
    (b"{", "JSON, as error messages are", "The download failed: fetch the file again."),
    (b"\x89HDF\r\n", "an HDF5 file", "Save its arrays by numpy.savez(FILE, images=…, labels=…)."),
    (b"MATLAB 5.0", "a MATLAB file", "Save scipy.io.loadmat's arrays by numpy.savez(FILE, images=…, labels=…)."),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a rar archive", "Unpack it first."),
    (b"PAR1", "a Parquet file of another make", "Save its images by numpy.savez(FILE, images=…, labels=…)."),
)
"""First bytes of what is not read, what it is, and what to do."""


def streams_of(source: str, split: str | None = None, size: str | None = None) -> list[ImageStream]:
    """Open what is no IDX: CSV, .npz, image files in class folders or in an archive, or a folder of CSV files.

    Raises NoDataset, UnreadableInput or WrongUse, which say what the source is and what to do.
    """
    if Path(source).is_dir():
        return _of_folder(Path(source), split, size)
    _refuse_by_name(source)
    if zipfile.is_zipfile(source) and _holds_arrays(source):
        return _one_split(list(npz_streams(source, size)), split, source)
    if is_image_archive(source):
        return list(folder_streams(source, split))
    return [CsvStream(source, split, size)]


def _of_folder(folder: Path, split: str | None, size: str | None) -> list[ImageStream]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    tables = [path for path in files if path.name.lower().endswith((".csv", ".csv.gz"))]
    if tables:
        streams: list[ImageStream] = [
            CsvStream(str(path), split if len(tables) == 1 else None, size) for path in tables
        ]
        if len({stream.split for stream in streams}) < len(streams):
            listed = ", ".join(path.name for path in tables)
            raise WrongUse(f"{folder}: nothing says which splits {listed} are; convert them one by one with --split.")
        return sorted(streams, key=lambda stream: split_order(stream.split))
    if any(path.suffix.lower() in ENDINGS for path in folder.rglob("*")):
        return list(folder_streams(str(folder), split))
    raise NoDataset(
        str(folder),
        "nothing in it is a form of labelled images",
        "IDX files, CSV files, or image files in class folders",
        "Name a file, or see the forms that convert reads in the documentation.",
    )


def _one_split(streams: list[ImageStream], split: str | None, source: str) -> list[ImageStream]:
    if split is not None:
        if len(streams) != 1:
            raise WrongUse(f"{source} holds the splits {', '.join(one.split for one in streams)}; leave --split out.")
        streams[0].split = split
    return streams


def _holds_arrays(path: str) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(".npy") for name in archive.namelist())


def _refuse_by_name(path: str) -> None:
    """Say what a file is that we do not read."""
    try:
        with open_decoded(path) as stream:
            head = stream.read(64)
    except MnistDataError:
        if zipfile.is_zipfile(path):  # of several members: an archive of images, or arrays
            return
        raise
    for magic, what, advice in REFUSED:
        if head.lstrip().startswith(magic):
            raise UnreadableInput(path, what, "IDX, CSV, .npz, or image files in class folders", advice)
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        raise UnreadableInput(
            path,
            "a pickle, which can run code when it is loaded",
            "IDX, CSV, .npz, or image files in class folders",
            "If you trust it: load it yourself, and save by numpy.savez(FILE, images=…, labels=…).",
        )
