"""Where IDX files lie: in a folder or archive, or below it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from mnist_data.errors import MnistDataError, NoDataset
from mnist_data.idx.archives import Member, is_archive
from mnist_data.idx.compression import DecodedStream, decoded_files, open_decoded
from mnist_data.idx.format import Header, Reader, open_idx
from mnist_data.idx.names import ByteOrder, is_packed, looks_like_idx, split_named
from mnist_data.idx.tree import IMAGE_ENDINGS, files_in_folder, is_place, within_archive

DEPTH = 3
"""How many folders down IDX files are looked for where none lies in the folder itself."""


def holds_idx(source: Path) -> bool:
    """Say whether a file is IDX, or a folder or archive holds such files or files that claim to be, or one below it."""
    if is_place(source):
        archive, inside = within_archive(source)
        if any(looks_like_idx(member.name) for member in inside):
            return True
        if inside:
            files = decoded_files(archive, [member for member in inside if not _is_image(member.name)])
            return any(_is_idx(stream) for _, stream in files)
        return source.is_dir() and any(holds_idx(path) for path in _files(source, DEPTH))
    if looks_like_idx(source.name):
        return True
    try:
        with open_decoded(source) as stream:
            return _is_idx(stream)
    except MnistDataError:
        return False


def _is_idx(stream: DecodedStream) -> bool:
    try:
        Reader(stream, "little")  # which reads headers of either order
    except MnistDataError:
        return False
    return True


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_ENDINGS)


def _files(folder: Path, depth: int) -> list[Path]:
    """List the files of a folder and of those below that can be IDX files; image files cannot.

    Uncompressed files come first: where both forms are there, the one that costs nothing to decode is read.
    """
    names = (name for name in files_in_folder(folder, depth) if not _is_image(name))
    files = (folder / name for name in names)
    return sorted((file for file in files if file.is_file()), key=lambda path: (is_packed(path.name), path))


def siblings(file: Path) -> list[Path]:
    """List the other files in the folder of a file, be it within an archive."""
    archive, inside = within_archive(file.parent)
    paths = [archive / member.name for member in inside] if inside else _files(file.parent, 0)
    return sorted(path for path in paths if path.parent == file.parent and path != file)


def headers_in(folder: str | Path) -> list[tuple[Path, Header]]:
    """Give the IDX files right in a folder with their headers. Raises NoDataset where there is no such folder."""
    return _headers(_files(_folder(folder), 0))


def _folder(folder: str | Path) -> Path:
    if not Path(folder).is_dir():
        reason = "it is no folder" if Path(folder).exists() else "there is no such folder"
        raise NoDataset(str(folder), reason, "a folder of IDX files", "Check the path.")
    return Path(folder)


def _headers(files: Iterable[Path], byte_order: ByteOrder = "big") -> list[tuple[Path, Header]]:
    """Give the headers of those files that are IDX. Raises what is wrong with one that claims to be."""
    headers = []
    for path in files:
        try:
            with open_idx(path, byte_order) as reader:
                headers.append((path, reader.header))
        except MnistDataError:
            if looks_like_idx(path.name):
                raise
    return headers


def _archive_headers(archive: Path, inside: Sequence[Member], byte_order: ByteOrder) -> list[tuple[Path, Header]]:
    """Do the same for an archive, in one pass."""
    headers = []
    for path, stream in decoded_files(archive, [member for member in inside if not _is_image(member.name)]):
        try:
            headers.append((path, Reader(stream, byte_order).header))
        except MnistDataError:
            if looks_like_idx(path.name):
                raise
    return sorted(headers, key=lambda file: (is_packed(file[0].name), file[0]))


def nearest_headers(root: Path, byte_order: ByteOrder) -> list[tuple[Path, Header]]:
    """Find the IDX files of a folder or archive; where none lies in it itself, those below it.

    Those are in one folder, each in a folder of its own, or in a folder a split. Raises NoDataset where there is none,
    and where several folders have some, with the command for each.
    """
    archive, inside = within_archive(root)
    if inside:
        headers = _archive_headers(archive, inside, byte_order)
    else:
        headers = _headers(_files(_folder(root), 0), byte_order) or _headers(_files(root, DEPTH), byte_order)
    folders: dict[Path, list[tuple[Path, Header]]] = {}
    for path, header in headers:
        folders.setdefault(path.parent, []).append((path, header))
    if root in folders:
        return folders[root]
    splits = [split_named(path.name) for path in folders]
    if len(folders) == 1 or (headers and (len(headers) == len(folders) or _are_splits(folders, splits))):
        return headers
    if headers:
        raise _several(root, folders)
    packed = [] if inside else [path for path in _files(root, DEPTH) if is_archive(path) and holds_idx(path)]
    if len(packed) == 1:
        return nearest_headers(packed[0], byte_order)
    if packed:
        raise _several(root, packed)
    raise NoDataset(
        str(root),
        "no IDX file lies in it",
        "a folder of IDX files",
        "Names like train-images-idx3-ubyte.gz are recognised; or give --images and --labels.",
    )


def _several(root: Path, places: Collection[Path]) -> NoDataset:
    commands = "; ".join(f"mnist-data convert {shlex.quote(str(path))} OUT" for path in places)
    return NoDataset(
        str(root),
        f"IDX files lie in {len(places)} folders below it",
        "a folder with the files of one dataset",
        f"Convert one of them: {commands}.",
    )


def _are_splits(folders: Iterable[Path], splits: Sequence[str | None]) -> bool:
    """Say whether folders are the splits of one dataset: all in one place, each named as another split."""
    return None not in splits and len(set(splits)) == len(splits) and len({path.parent for path in folders}) == 1
