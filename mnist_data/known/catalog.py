"""The catalogue of known datasets: contents, class names, quirks, licence, citation, and where to fetch them.

The facts stand in catalog.toml, which is read once.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from mnist_data.idx.names import looks_like_idx, parse_name


class RemoteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file as its publisher offers it.

    checksum: a published one, as in "sha256:440f…" or "md5:ed72…"; "" where none is. bytes: its size where that is
    published, else 0.
    """

    name: str
    checksum: str = ""
    bytes: int = 0


class Archive(RemoteFile, frozen=True, kw_only=True):
    """One file that holds those of several datasets. checksum_source, mirrors: as of datasets."""

    checksum_source: str
    mirrors: tuple[str, ...]


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known dataset.

    counts: images in each split as published. shape: of one image. contents: SHA-256 of a decoded IDX file -> "split
    role". transposed: the files store each image with rows and columns exchanged. first_label: the smallest label.
    note: a warning to readers, shown first. page: where a person finds the dataset. mirrors: addresses that end with /
    and take a file's name. checksum_source: where the checksums of the files are published. archive: the name of the
    archive in which the files are offered, where they are not offered one by one.
    """

    name: str = ""
    title: str
    classes: tuple[str, ...]
    licence: str
    citation: str
    page: str
    counts: dict[str, int]
    shape: tuple[int, ...] = (28, 28)
    transposed: bool = False
    first_label: int = 0
    note: str = ""
    contents: dict[str, str] = {}
    mirrors: tuple[str, ...] = ()
    checksum_source: str = ""
    archive: str = ""
    files: tuple[RemoteFile, ...] = ()

    @property
    def fetchable(self) -> bool:
        """Whether its files are offered somewhere, and can be checked."""
        return bool(self.files and self.checksum_source)

    @property
    def offered_at(self) -> tuple[str, ...]:
        """Its publishers' mirrors, or those of the archive that has its files."""
        return ARCHIVES[self.archive].mirrors if self.archive else self.mirrors

    @property
    def download_bytes(self) -> int | None:
        """Bytes to download; None where they are not published."""
        files = (ARCHIVES[self.archive],) if self.archive else self.files
        return sum(file.bytes for file in files) if files and all(file.bytes for file in files) else None

    @property
    def is_idx(self) -> bool:
        """Whether its files are IDX."""
        return all(looks_like_idx(file.name) for file in self.files)

    def content_of(self, file: RemoteFile) -> str:
        """Give the SHA-256 of a file's decoded bytes; "" where it is not known."""
        parsed = parse_name(file.name)
        part = f"{parsed.split} {parsed.role}"
        return next((sha256 for sha256, known in self.contents.items() if known == part), "")


class _Catalog(msgspec.Struct, forbid_unknown_fields=True):
    archives: dict[str, Archive]
    datasets: dict[str, CatalogEntry]


def _read() -> _Catalog:
    return msgspec.toml.decode(Path(__file__).with_name("catalog.toml").read_bytes(), type=_Catalog)


_READ = _read()

ARCHIVES: dict[str, Archive] = _READ.archives

CATALOG: dict[str, CatalogEntry] = {
    name: msgspec.structs.replace(entry, name=name) for name, entry in _READ.datasets.items()
}


def by_content(sha256: str) -> tuple[CatalogEntry, str] | None:
    """Find the dataset one of whose decoded files has this SHA-256, and that file's role, as in "train images".

    >>> known, role = by_content("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db")
    >>> known.title, role
    ('MNIST', 'train images')
    """
    return next(((known, known.contents[sha256]) for known in CATALOG.values() if sha256 in known.contents), None)


def by_checksum(checksum: str) -> tuple[CatalogEntry, RemoteFile] | None:
    """Find the dataset one of whose files, as offered, has this checksum, and that file.

    >>> known, file = by_checksum("md5:7ac088b20481cf51dcd01ceaab89d821")
    >>> known.title, file.name
    ('Kuzushiji-49', 'k49-train-imgs.npz')
    """
    files = ((known, file) for known in CATALOG.values() for file in known.files)
    return next(((known, file) for known, file in files if file.checksum == checksum), None)


def by_name(name: str) -> CatalogEntry | None:
    """Find a dataset by its name, ignoring case and underscores; a name that only begins with one is no match.

    >>> by_name("emnist-letters").first_label
    1
    >>> by_name("kannada_MNIST").name
    'kannada-mnist'
    >>> by_name("kmnist-49")
    """
    return CATALOG.get(name.lower().replace("_", "-"))
