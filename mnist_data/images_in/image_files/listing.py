"""The image files below folders and in archives: their names, and their contents one after another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mnist_data.idx.archives import Member, member_contents
from mnist_data.idx.tree import IMAGE_ENDINGS, files_in_folder, within_archive

MAX_FILE_BYTES = 1 << 28
"""The largest image file that is read, 256 MiB."""


@dataclass(frozen=True)
class ImageFile:
    """One image file. root: the folder or archive. name: below it. member: of an archive, None in a folder."""

    root: str
    name: str
    member: Member | None = None

    @property
    def path(self) -> str:
        """The file as messages name it."""
        return f"{self.root}/{self.name}"


def image_files(root: str) -> Iterator[ImageFile]:
    """Find the image files below a folder or archive, or below a folder in an archive, by their endings."""
    path = Path(root)
    if path.is_dir():
        names = files_in_folder(path)
        yield from (ImageFile(root, name) for name in names if name.lower().endswith(IMAGE_ENDINGS))
        return
    archive, inside = within_archive(path)
    start = len(path.relative_to(archive).as_posix()) + 1 if inside and path != archive else 0
    for member in inside:
        if member.name.lower().endswith(IMAGE_ENDINGS):
            yield ImageFile(root, member.name[start:], member)


def contents(files: Sequence[ImageFile]) -> Iterator[tuple[ImageFile, bytes | str]]:
    """Read files: the bytes of each, or in words why it cannot be read; of a tar in its own order.

    Going back in a tar means unpacking it again. Raises DamagedArchive where an archive is damaged.
    """
    for root, group in groupby(files, lambda file: (file.root, file.member is None)):
        if root[1]:
            yield from ((file, content_of(file)) for file in group)
            continue
        archive, _ = within_archive(Path(root[0]))
        members = {file.member: file for file in group if file.member}
        missing = dict(members)
        for member, content in member_contents(archive, list(members), MAX_FILE_BYTES):
            missing.pop(member)
            yield members[member], content
        yield from ((file, "it is not in the archive any more") for file in missing.values())


def content_of(file: ImageFile) -> bytes | str:
    """Read a file that lies in a folder; gives in words why it cannot be read."""
    try:
        # A Path for each file, and a buffer, would cost more than reading it.
        with open(file.path, "rb", buffering=0) as stream:  # noqa: PTH123
            size = os.fstat(stream.fileno()).st_size
            return stream.read() if size <= MAX_FILE_BYTES else f"it has more than {MAX_FILE_BYTES:,} bytes"
    except OSError as cause:
        return (cause.strerror or str(cause)).lower()
