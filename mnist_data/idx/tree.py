"""The files of a folder or archive and of those below it; a path may also lead to a folder within an archive."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mnist_data.errors import UnreadableInput
from mnist_data.idx.archives import Member, is_archive, members, outer_file

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm")
"""Endings of the names of image files."""

PASSED_OVER = frozenset({"__MACOSX", "thumbs.db", "desktop.ini", "$RECYCLE.BIN", "@eaDir", "lost+found"})
"""What systems leave in folders and archives; hidden files and folders are passed over, too."""


def is_passed_over(name: str) -> bool:
    """Say whether a file or folder of this name is none of the user's data."""
    return name.startswith(".") or name in PASSED_OVER or name.lower() in PASSED_OVER


def is_place(path: Path) -> bool:
    """Say whether files lie below a path: a folder, an archive, or a folder in an archive."""
    return path.is_dir() or is_archive(path) or bool(within_archive(path)[1])


def within_archive(path: Path) -> tuple[Path, list[Member]]:
    """Give the archive that a path is or leads into, and its files below the path; none for other paths."""
    archive, folder = (path, "") if path.is_file() else outer_file(path) or (path, "")
    if not is_archive(archive):
        return archive, []
    start = f"{folder}/" if folder else ""
    below = [member for member in members(archive) if member.name.startswith(start)]
    return archive, [member for member in below if not any(map(is_passed_over, PurePosixPath(member.name).parts))]


def files_in_folder(folder: Path, depth: int | None = None) -> Iterator[str]:
    """Give the files of a folder and, `depth` folders down, of those below: their names below it, with / between.

    None: all the way. Links to folders are followed, each folder once, so that a link to a folder above does no harm.
    Raises UnreadableInput, which lists the folders that may not be read.
    """
    closed: list[str] = []
    yield from _walk(folder, "", depth, set(), closed)
    if closed:
        raise UnreadableInput(
            str(folder),
            f"folders that may not be read: {', '.join(closed[:5])}",
            "folders that you may read",
            "Change their permissions, or take them out.",
        )


def _walk(folder: Path, start: str, depth: int | None, seen: set[tuple[int, int]], closed: list[str]) -> Iterator[str]:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        closed.append(start or str(folder))
        return
    for entry in entries:
        if is_passed_over(entry.name):
            continue
        if entry.is_dir():
            if depth is None or depth > 0:
                below = None if depth is None else depth - 1
                yield from _walk(folder / entry.name, f"{start}{entry.name}/", below, seen, closed)
        elif entry.is_file() or entry.is_symlink():
            yield f"{start}{entry.name}"
