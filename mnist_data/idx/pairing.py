"""Which files of a folder belong together: images and labels of the same split.

Names give the pairs, contents check them: a file in the wrong role is detected by its rank, whatever its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mnist_data.errors import MismatchedPair, MnistDataError, NoDataset, NotIdx, WrongUse
from mnist_data.idx.format import Header, open_idx

Role = Literal["images", "labels"]

_PACKING = re.compile(r"\.(gz|xz|zst|zip|idx)$", re.IGNORECASE)
_IDX = re.compile(r"[-_.]?idx(\d+)([-_.](ubyte|byte|short|int|float|double))?$", re.IGNORECASE)
# The spellings seen in the wild: train-images, X_kannada_MNIST_train, y_…, digits.labels, …
_IMAGES = re.compile(r"(^|[-_.])(images?|imgs?|pixels)(?=[-_.]|$)|^x(?=[-_.])", re.IGNORECASE)
_LABELS = re.compile(r"(^|[-_.])(labels?|lbls?|targets?)(?=[-_.]|$)|^y(?=[-_.])", re.IGNORECASE)
_SPLITS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (split, re.compile(rf"(^|[-_.])({words})(?=[-_.]|$)", re.IGNORECASE))
    for split, words in (
        ("train", "train|training"),
        ("test", "t10k|test|testing"),
        ("validation", "validation|valid|val|dev"),
    )
)


@dataclass(frozen=True)
class ParsedName:
    """What a file name says: the dataset and split ("emnist-letters", "test"), and the role where it has one."""

    dataset: str
    split: str | None
    role: Role | None


@dataclass(frozen=True)
class Pair:
    """The images and labels of one split."""

    split: str
    images: str
    labels: str
    dataset: str = ""


def parse_name(name: str) -> ParsedName:
    """Read a file name.

    >>> parse_name("emnist-letters-test-images-idx3-ubyte.gz")
    ParsedName(dataset='emnist-letters', split='test', role='images')
    >>> parse_name("t10k-labels.idx1-ubyte")
    ParsedName(dataset='', split='test', role='labels')
    >>> parse_name("X_kannada_MNIST_train-idx3-ubyte.gz")
    ParsedName(dataset='kannada_MNIST', split='train', role='images')
    """
    stem = name
    while _PACKING.search(stem):
        stem = _PACKING.sub("", stem)
    stem = _IDX.sub("", stem)
    role: Role | None = None
    if _IMAGES.search(stem):
        stem, role = _IMAGES.sub("", stem, count=1), "images"
    elif _LABELS.search(stem):
        stem, role = _LABELS.sub("", stem, count=1), "labels"
    split = next((split for split, words in _SPLITS if words.search(stem)), None)
    if split is not None:
        stem = dict(_SPLITS)[split].sub("", stem, count=1)
    return ParsedName(stem.strip("-_."), split, role)


def looks_like_idx(name: str) -> bool:
    """Say whether a name claims to be IDX, so that other content in that file is an error and not skipped."""
    while _PACKING.search(name):
        if name.lower().endswith(".idx"):
            return True
        name = _PACKING.sub("", name)
    return bool(_IDX.search(name))


def role_of(header: Header) -> Role:
    """Distinguish images from labels by shape: labels are one number each, or a table of wide integers (QMNIST)."""
    table = len(header.shape) == 2 and header.dtype.kind == "i" and header.dtype.itemsize >= 2
    return "labels" if len(header.shape) == 1 or table else "images"


def find_pairs(folder: str | Path, dataset: str | None = None) -> list[Pair]:
    """Pair the IDX files of a folder; `dataset` chooses one where the folder holds several.

    Splits come in the order train, test, then others by name. Raises NoDataset for a folder without IDX files,
    MismatchedPair for a file without its partner, and any error of a file that claims to be IDX and is not.
    """
    headers = _headers(Path(folder))
    if not headers:
        raise NoDataset(str(folder), "no IDX file lies in it", "a folder of IDX files", _nearby(Path(folder)))
    chosen = _one_dataset(folder, headers, dataset)
    splits: dict[str, dict[Role, Path]] = {}
    for path, header in chosen:
        name = parse_name(path.name)
        role = role_of(header)
        if name.role and name.role != role:
            raise _wrong_role(str(path), name.role, header)
        split = name.split or "train"
        splits.setdefault(split, {}).setdefault(role, path)
    return [_pair(split, splits[split], dataset) for split in sorted(splits, key=_split_order)]


def find_label_tables(folder: str | Path) -> dict[str, str]:
    """Find the label files of a folder with columns besides the label, as QMNIST's have: split -> path.

    Only a file whose name says the split counts; of two of one split the uncompressed one, else the first by name.
    Raises NoDataset for a folder that is not there, and any error of a file that claims to be IDX and is not.
    """
    tables: dict[str, str] = {}
    for path, header in _headers(Path(folder)):
        split = parse_name(path.name).split
        if split and role_of(header) == "labels" and len(header.shape) == 2 and header.shape[1] > 1:
            tables.setdefault(split, str(path))
    return tables


def pair_of(file: Path) -> Pair:
    """Find the partner of a file in its folder; other files of the folder do not matter.

    Raises an error of the file itself, or MismatchedPair where no file of the same dataset and split is its partner.
    """
    name = parse_name(file.name)
    with open_idx(file) as reader:
        files = {role_of(reader.header): file}
    for path in sorted(file.parent.iterdir()):
        if (parse_name(path.name).dataset, parse_name(path.name).split) == (
            name.dataset,
            name.split,
        ) and path.is_file():
            try:
                with open_idx(path) as reader:
                    files.setdefault(role_of(reader.header), path)
            except NotIdx:
                continue
    return _pair(name.split or "train", files, None)


def check_pair(pair: Pair) -> tuple[Header, Header]:
    """Check two files against each other by their headers: the roles and the counts. Gives both headers."""
    with open_idx(pair.images) as images, open_idx(pair.labels) as labels:
        headers = images.header, labels.header
    if role_of(headers[0]) != "images":
        raise _wrong_role(pair.images, "images", headers[0])
    if role_of(headers[1]) != "labels" or headers[1].dtype.kind == "f":
        raise _wrong_role(pair.labels, "labels", headers[1])
    if headers[0].items != headers[1].items:
        raise MismatchedPair(
            pair.labels,
            f"{headers[1].items:,} labels for {headers[0].items:,} images in {Path(pair.images).name}",
            "one label for each image",
            "One of the two files is cut off or belongs to another dataset: fetch both again.",
        )
    return headers


def _split_order(split: str) -> tuple[int, str]:
    return (("train", "test").index(split), "") if split in ("train", "test") else (2, split)


def _headers(folder: Path) -> list[tuple[Path, Header]]:
    if not folder.is_dir():
        raise NoDataset(str(folder), "there is no such folder", "a folder of IDX files", "Check the path.")
    headers = []
    # Uncompressed files first: where both forms are there, the one that costs nothing to decode is read.
    for path in sorted(folder.iterdir(), key=lambda path: (bool(_PACKING.search(path.name)), path.name)):
        if not path.is_file() or path.name.startswith("."):
            continue
        try:
            with open_idx(path) as reader:
                headers.append((path, reader.header))
        except MnistDataError:
            if looks_like_idx(path.name):
                raise
    return headers


def _nearby(folder: Path) -> str:
    below = sorted({path.parent for path in folder.glob("*/*") if path.is_file() and looks_like_idx(path.name)})
    if below:
        return f"There are some one folder down: try {', '.join(map(str, below[:3]))}."
    return "Names like train-images-idx3-ubyte.gz are recognised; or give --images and --labels."


def _one_dataset(
    folder: str | Path, headers: Sequence[tuple[Path, Header]], dataset: str | None
) -> list[tuple[Path, Header]]:
    by_dataset: dict[str, list[tuple[Path, Header]]] = {}
    for path, header in headers:
        by_dataset.setdefault(parse_name(path.name).dataset, []).append((path, header))
    if len(by_dataset) == 1:
        return next(iter(by_dataset.values()))
    if dataset is not None and dataset in by_dataset:
        return by_dataset[dataset]
    names = sorted(name or "(no name)" for name in by_dataset)
    wanted = f"{dataset} is none of them" if dataset else "choose one with --dataset NAME"
    raise WrongUse(f"{folder} holds files of {len(names)} datasets: {', '.join(names)}; {wanted}.")


def _pair(split: str, files: dict[Role, Path], dataset: str | None) -> Pair:
    for role, partner in (("images", "labels"), ("labels", "images")):
        if partner not in files:
            raise MismatchedPair(
                str(files[role]),  # type: ignore[index]
                f"{role} of the split {split!r} without {partner}",
                f"both, as in {split}-images-idx3-ubyte.gz and {split}-labels-idx1-ubyte.gz",
                "Add the missing file, or give --images and --labels.",
            )
    name = parse_name(files["images"].name).dataset
    return Pair(split, str(files["images"]), str(files["labels"]), dataset or name)


def _wrong_role(path: str, wanted: Role, header: Header) -> MismatchedPair:
    shape = "×".join(map(str, header.shape))
    expected = {
        "images": "images: at least two dimensions, the first counting them",
        "labels": "labels: integers, one for each image, or a table of 16- or 32-bit integers",
    }[wanted]
    return MismatchedPair(
        path,
        f"an array of {shape} {header.type_name}s instead of {wanted}",
        expected,
        "Were the two files exchanged?",
    )


def explicit_pairs(images: Iterable[str], labels: Iterable[str], splits: Iterable[str]) -> list[Pair]:
    """Pair files that the user named one by one; a split not given is read from the images' name."""
    image_files, label_files, names = list(images), list(labels), list(splits)
    if len(image_files) != len(label_files) or (names and len(names) != len(image_files)):
        raise WrongUse(
            f"{len(image_files)} --images, {len(label_files)} --labels and {len(names)} --split were given; "
            "give one --images and one --labels for each split."
        )
    names = names or [parse_name(Path(path).name).split or "train" for path in image_files]
    if len(set(names)) != len(names):
        raise WrongUse(f"The splits {', '.join(names)} are not all different; name each with --split.")
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise WrongUse(f"The split {name!r} cannot name a folder; use letters, digits, - and _.")
    return [
        Pair(split, str(image), str(label), parse_name(Path(image).name).dataset)
        for split, image, label in zip(names, image_files, label_files, strict=True)
    ]
