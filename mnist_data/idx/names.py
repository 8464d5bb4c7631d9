"""What the names of IDX files say: the dataset, the split, and whether they are images or labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mnist_data.errors import WrongUse

Role = Literal["images", "labels"]

ByteOrder = Literal["big", "little"]

UNLABELLED_SPLIT = "unlabelled"
"""The split of images whose labels nobody knows."""

_PACKED = "gz|gzip|bz2|xz|lzma|zst|lz4|zip|tar|tgz"
_ENDING = re.compile(rf"\.({_PACKED}|idx|bin|dat|raw|download|crdownload|part)$", re.IGNORECASE)
# What browsers and file managers add to a second copy: " (1)", " - Copy", " copy 2", "Copy of ".
_COPY = re.compile(
    r"\s*\(\d+\)$|[-_\s]+copy(\s*\(?\d+\)?)?$|^(copy\s+of|kopie\s+von|copie\s+de|copia\s+de)\s+", re.IGNORECASE
)
# The same after IDX's own ending, in other languages, and what wget and editors add: "ubyte - Kopie", "ubyte.gz.1".
_ADDED = r"([-_.~\s]*(\(|\[|~|copy|kopie|copie|copia|cópia|копия|副本|コピー|(gz\.)?\d{1,2}$).*|~)?"
_IDX = re.compile(rf"[-_.]?idx(\d+)([-_.](ubyte|byte|short|int|float|double))?{_ADDED}$", re.IGNORECASE)
# The spellings seen in the wild: train-images, X_kannada_MNIST_train, y_…, digits.labels, …
_IMAGES = re.compile(r"(^|[-_.])(images?|imgs?|pixels)(?=[-_.]|$)|^x(?=[-_.])", re.IGNORECASE)
_LABELS = re.compile(r"(^|[-_.])(labels?|lbls?|targets?)(?=[-_.]|$)|^y(?=[-_.])", re.IGNORECASE)
_SPLITS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (split, re.compile(rf"(^|[-_.])({words})(?=[-_.]|$)", re.IGNORECASE))
    for split, words in (
        ("train", "train|training"),
        ("test", "t10k|test|testing"),
        ("validation", "validation|valid|val|dev"),
        ("unlabelled", "unlabell?ed"),
    )
)
_NAMED_SPLIT = re.compile(r"[-_.]*split=([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class ParsedName:
    """What a file name says: the dataset and split ("emnist-letters", "test"), and the role where it has one."""

    dataset: str
    split: str | None
    role: Role | None


def parse_name(name: str) -> ParsedName:
    """Read a file name.

    >>> parse_name("emnist-letters-test-images-idx3-ubyte.gz")
    ParsedName(dataset='emnist-letters', split='test', role='images')
    >>> parse_name("t10k-labels.idx1-ubyte")
    ParsedName(dataset='', split='test', role='labels')
    >>> parse_name("X_kannada_MNIST_train-idx3-ubyte.gz")
    ParsedName(dataset='kannada_MNIST', split='train', role='images')
    >>> parse_name("split=fold1.csv".removesuffix(".csv"))
    ParsedName(dataset='', split='fold1', role=None)
    """
    stem = _IDX.sub("", _bare(name))
    role: Role | None = None
    if _IMAGES.search(stem):
        stem, role = _IMAGES.sub("", stem, count=1), "images"
    elif _LABELS.search(stem):
        stem, role = _LABELS.sub("", stem, count=1), "labels"
    if named := _NAMED_SPLIT.fullmatch(stem):
        return ParsedName("", named[1], role)
    split = next((split for split, words in _SPLITS if words.search(stem)), None)
    if split is not None:
        stem = dict(_SPLITS)[split].sub("", stem, count=1)
    return ParsedName(stem.strip("-_."), split, role)


def split_name(split: str) -> str:
    """Give the name by which a file or folder is known to be a split's: its own where `parse_name` reads that.

    >>> split_name("test"), split_name("fold1")
    ('test', 'split=fold1')
    """
    return split if parse_name(split) == ParsedName("", split, None) else f"split={split}"


def spelling_of(name: str) -> str:
    """Give what the names of a pair have in common: the name without its role, as it is spelled.

    >>> spelling_of("t10k-images-idx3-ubyte.gz"), spelling_of("test-labels-idx1-ubyte")
    ('t10k', 'test')
    """
    stem = _IDX.sub("", _bare(name))
    for role in (_IMAGES, _LABELS):
        if role.search(stem):
            return role.sub("", stem, count=1).strip("-_.").lower()
    return stem.strip("-_.").lower()


def is_packed(name: str) -> bool:
    """Say whether a name claims that its file is packed, or has another ending besides IDX's own."""
    return bool(_ENDING.search(_COPY.sub("", name)))


def split_named(folder: str) -> str | None:
    """Give the split that the whole name of a folder means, as in test or training_images; None for another name.

    >>> split_named("testing"), split_named("contest")
    ('test', None)
    """
    name = parse_name(folder if re.search("image", folder, re.IGNORECASE) else f"{folder}-images")
    return name.split if not name.dataset else None


def require_split_name(name: str) -> None:
    """Raise WrongUse for a split that cannot name a folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise WrongUse(f"The split {name!r} cannot name a folder; use letters, digits, - and _.")


def split_order(split: str) -> tuple[int, str]:
    """Order the splits: train, test, then others by name."""
    return (("train", "test").index(split), "") if split in ("train", "test") else (2, split)


def looks_like_idx(name: str) -> bool:
    """Say whether a name claims to be IDX, so that a file of another content is an error and not a stranger."""
    return bool(re.search(r"\.idx(\.|$)", name, re.IGNORECASE) or _IDX.search(_bare(name)))


def _bare(name: str) -> str:
    """Take from a name what packing and copying have added to it."""
    stem, before = name.strip(), ""
    while stem != before:
        before, stem = stem, _COPY.sub("", _ENDING.sub("", stem)).strip()
    return re.sub(r"\s+", "-", stem)
