"""Which files of a folder belong together: images and labels of the same split.

Names give the pairs, contents check them: a file in the wrong role is detected by its rank, whatever its name.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_data.batch import shape_text
from mnist_data.errors import MismatchedPair, NotIdx, WrongUse
from mnist_data.idx.format import Header, open_idx
from mnist_data.idx.names import ByteOrder, Role, parse_name, require_split_name, spelling_of, split_named, split_order
from mnist_data.idx.search import headers_in, nearest_headers, siblings

ROLES: tuple[Role, Role] = ("images", "labels")


@dataclass(frozen=True)
class Pair:
    """The images and labels of one split."""

    split: str
    images: str
    labels: str
    dataset: str = ""


def role_of(header: Header, named: Role | None = None) -> Role:
    """Tell images from labels by the shape: labels are one number each, or a table of wide integers (QMNIST).

    named: the role that the file's name claims; it decides for rows of bytes or floats, which may be one-hot labels.
    """
    if len(header.shape) != 2:
        return "labels" if len(header.shape) == 1 else "images"
    integers = header.dtype.kind == "i" and header.dtype.itemsize >= 2
    return "labels" if integers or header.item_shape == (1,) or named == "labels" else "images"


def find_pairs(folder: str | Path, dataset: str | None = None, byte_order: ByteOrder = "big") -> list[Pair]:
    """Pair the IDX files of a folder or archive; `dataset` chooses one where it holds several.

    Where none lies in the folder itself, those below it are taken, see `nearest_headers`. Splits come in the order
    train, test, then others by name. Raises NoDataset for a folder without IDX files, MismatchedPair for a file without
    its partner and for two of one split and role whose contents differ, and any error of a file that claims to be IDX
    and is not.
    """
    splits: dict[str, dict[Role, list[Path]]] = {}
    for path, header in _one_dataset(folder, nearest_headers(Path(folder), byte_order), dataset):
        name = parse_name(path.name)
        role = role_of(header, name.role)
        if name.role and name.role != role:
            raise _wrong_role(str(path), name.role, header)
        splits.setdefault(name.split or split_named(path.parent.name) or "train", {}).setdefault(role, []).append(path)
    return [_pair(split, _one_each(folder, split, splits[split]), dataset) for split in sorted(splits, key=split_order)]


def _one_each(folder: str | Path, split: str, files: Mapping[Role, Sequence[Path]]) -> dict[Role, Path]:
    """Choose a file of each role. Raises MismatchedPair where two have different contents."""
    for role, paths in files.items():
        if len(_contents(paths)) > 1:
            listed = ", ".join(path.name for path in paths)
            raise MismatchedPair(
                str(folder),
                f"{len(paths)} files of {role} of the split {split!r} with different contents: {listed}",
                "one file of images and one of labels for each split",
                f"Choose by: mnist-data convert OUT {_choice(split, files)}",
            )
    return {role: paths[0] for role, paths in files.items()}


def _contents(paths: Sequence[Path]) -> set[str]:
    """Give the different contents that files have, as the hashes of their decoded bytes; read only if needed."""
    return {_content(path) for path in paths} if len(paths) > 1 else {""}


def _content(path: Path) -> str:
    with open_idx(path, "little") as reader:  # which reads headers of either order, and no value is looked at
        return reader.content()


def _choice(split: str, files: Mapping[Role, Sequence[Path]]) -> str:
    """Write the options that choose the files of a split: those spelled alike, or else the first of each role."""
    images, labels = files.get("images", ()), files.get("labels", ())
    pairs = [(one, two) for one in images for two in labels if spelling_of(one.name) == spelling_of(two.name)]
    first, second = pairs[0] if pairs else ((*images, Path("IMAGES"))[0], (*labels, Path("LABELS"))[0])
    return f"--images {shlex.quote(str(first))} --labels {shlex.quote(str(second))} --split {split}"


def find_label_tables(folder: str | Path) -> dict[str, str]:
    """Find the label files of a folder with columns besides the label, as QMNIST's have: split -> path.

    Only a file whose name says the split counts. Raises NoDataset for a folder that is not there, MismatchedPair for
    two tables of one split whose contents differ, and any error of a file that claims to be IDX and is not.
    """
    tables: dict[str, list[Path]] = {}
    for path, header in headers_in(folder):
        split = parse_name(path.name).split
        if split and role_of(header) == "labels" and len(header.shape) == 2 and header.shape[1] > 1:
            tables.setdefault(split, []).append(path)
    return {split: str(_one_each(folder, split, {"labels": paths})["labels"]) for split, paths in tables.items()}


def pair_of(file: Path, byte_order: ByteOrder = "big") -> Pair:
    """Find the partner of a file in its folder, spelled as the file is; other files of the folder do not matter.

    Raises an error of the file itself, or MismatchedPair where no file of the same dataset and split is its partner, or
    more than one with different contents.
    """
    name = parse_name(file.name)
    with open_idx(file, byte_order) as reader:
        role = role_of(reader.header, name.role)
    partners: list[Path] = []
    for path in siblings(file):
        other = parse_name(path.name)
        if (other.dataset, other.split) == (name.dataset, name.split):
            try:
                with open_idx(path, byte_order) as reader:
                    partners += [path] * (role_of(reader.header, other.role) != role)
            except NotIdx:
                continue
    partners = [path for path in partners if spelling_of(path.name) == spelling_of(file.name)] or partners
    split, partner = name.split or "train", ROLES[1 - ROLES.index(role)]
    files: dict[Role, list[Path]] = {role: [file], **({partner: partners} if partners else {})}
    return _pair(split, _one_each(file.parent, split, files), None)


def check_pair(pair: Pair, byte_order: ByteOrder = "big") -> tuple[Header, Header]:
    """Check two files against each other by their headers: the roles and the counts. Gives both headers."""
    with open_idx(pair.images, byte_order) as images, open_idx(pair.labels, byte_order) as labels:
        headers = images.header, labels.header
    if role_of(headers[0]) != "images":
        raise _wrong_role(pair.images, "images", headers[0])
    # Rows of bytes or floats may be one-hot labels; whether they are, their values say.
    if role_of(headers[1], "labels") != "labels":
        raise _wrong_role(pair.labels, "labels", headers[1])
    if headers[0].items != headers[1].items:
        raise MismatchedPair(
            pair.labels,
            f"{headers[1].items:,} labels for {headers[0].items:,} images in {Path(pair.images).name}",
            "one label for each image",
            "One of the two files is cut off or belongs to another dataset: fetch both again.",
        )
    return headers


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
    names = sorted(filter(None, by_dataset))
    wanted = f"{dataset} is none of them" if dataset else f"choose one with --dataset {names[0]}"
    if "" in by_dataset:
        files = ", ".join(path.name for path, _ in by_dataset[""])
        wanted += f", or the files that name none ({files}) by --images and --labels"
    count = len(by_dataset)
    raise WrongUse(
        f"{folder} holds files of {count} datasets: {', '.join(names)}{', …' * (count > len(names))}; {wanted}."
    )


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
    shape = shape_text(header.shape)
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
        require_split_name(name)
    return [
        Pair(split, str(image), str(label), parse_name(Path(image).name).dataset)
        for split, image, label in zip(names, image_files, label_files, strict=True)
    ]
