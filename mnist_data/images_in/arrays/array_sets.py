"""Which arrays belong together: images and labels of each split, by their names, else by their shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mnist_data.errors import MismatchedPair, UnreadableInput, WrongUse
from mnist_data.idx.names import Role, split_named
from mnist_data.images_in.arrays.array_labels import texts_of
from mnist_data.images_in.arrays.array_names import parse_array_name
from mnist_data.images_in.arrays.stored import StoredArray

LEAST_PIXELS = 16
"""Fewer values are no image: an array with smaller items holds labels, or what else is known of each image."""

ENDINGS = re.compile(r"(\.(npy|npz|mat|h5|hdf5|hdf|gz|xz|zst|bz2|zip))+$", re.IGNORECASE)


@dataclass(frozen=True)
class ArraySet:
    """Images and their labels. files: all that they lie in, that of the images first. split: None where none is named.

    names: of the classes, where the file holds them. columns: what else is known of each image.
    """

    files: tuple[str, ...]
    split: str | None
    images: StoredArray
    labels: StoredArray | None = None
    names: tuple[str, ...] = ()
    columns: Mapping[str, StoredArray] = field(default_factory=dict)


@dataclass(frozen=True)
class _Entry:
    """One array: where it lies, what it is called there, its role and split, and what it shares with its partner."""

    path: str
    name: str
    array: StoredArray
    role: Role
    split: str | None
    key: tuple[str, ...]


def sets_of(files: Mapping[str, Mapping[str, StoredArray]]) -> list[ArraySet]:
    """Put the arrays of some files together. files: path -> name of an array -> the array.

    A file of a single array is half of a pair, named by its file. Raises UnreadableInput where no array holds images,
    MismatchedPair for labels without images, WrongUse where two arrays claim one place.
    """
    class_names = _class_names([array for arrays in files.values() for array in arrays.items()])
    entries = [
        entry for path, arrays in files.items() for entry in _entries(path, arrays) if entry.name != class_names[0]
    ]
    if not any(entry.role == "images" for entry in entries):
        listed = ", ".join(_described(name, array) for arrays in files.values() for name, array in arrays.items())
        raise UnreadableInput(
            next(iter(files)),
            f"arrays of the names {listed or '(none)'}",
            "images and labels, as x_train and y_train, train_images and train_labels, or data and target",
            "Save them again under such names: numpy.savez(FILE, images=…, labels=…).",
        )
    groups: dict[tuple[str, tuple[str, ...]], dict[Role, _Entry]] = {}
    for entry in entries:
        group = groups.setdefault((entry.split or "", entry.key), {})
        if entry.role in group:
            raise _two_of_one(group[entry.role], entry)
        group[entry.role] = entry
    return [replace(_set_of(group), names=class_names[1]) for group in groups.values()]


def _class_names(arrays: Sequence[tuple[str, StoredArray]]) -> tuple[str | None, tuple[str, ...]]:
    """Find the array that names the classes: class_names, or texts of another number than images, as list_classes."""
    counts = {side for _, array in arrays if _may_be_images(array) for side in array.shape}
    for name, array in arrays:
        if array.dtype.kind not in "OUS" or len(array.shape) != 1:
            continue
        named = array.shape[0] not in counts and re.search(r"class|names|categor|labels", name, re.IGNORECASE)
        if named or name == "class_names":
            return name, tuple(texts_of(array.whole()).tolist())
    return None, ()


def _entries(path: str, arrays: Mapping[str, StoredArray]) -> Iterator[_Entry]:
    """Give the arrays of a file that are images or labels; those of other names only where no name says anything."""
    of_file = parse_array_name(ENDINGS.sub("", Path(path).name))
    of_file = replace(of_file, split=of_file.split or split_named(Path(path).parent.name))
    if len(arrays) == 1:
        ((name, array),) = arrays.items()
        own = parse_array_name(name)
        role: Role = own.role or of_file.role or ("images" if _may_be_images(array) else "labels")
        yield _Entry(path, name, array, role, own.split or of_file.split, of_file.rest)
        return
    named = {name: parse_array_name(name) for name in arrays}
    by_name = any(parsed.role == "images" and _may_be_images(arrays[name]) for name, parsed in named.items())
    largest = max((math.prod(array.shape) for array in arrays.values()), default=0)
    for name, array in arrays.items():
        said = named[name].role
        if not by_name:
            said = "images" if math.prod(array.shape) == largest or len(array.shape) > 2 else "labels"
        if said is not None and array.shape and (said == "labels" or _may_be_images(array)):
            yield _Entry(path, name, array, said, named[name].split or of_file.split, (path,))


def _may_be_images(array: StoredArray) -> bool:
    """Say whether the items of an array, along its first or last axis, are numbers, and as many as an image has."""
    sides = [side for side in array.shape if side != 1]
    rows_or_columns = max(math.prod(array.shape[1:]), math.prod(array.shape[:-1]))
    return array.dtype.kind in "buif" and len(sides) > 1 and rows_or_columns >= LEAST_PIXELS


def _set_of(group: Mapping[Role, _Entry]) -> ArraySet:
    images, labels = group.get("images"), group.get("labels")
    if images is None:
        assert labels is not None
        raise MismatchedPair(
            labels.path,
            f"labels, {_described(labels.name, labels.array)}, and no images that belong to them",
            "images and labels of the same split",
            "Put the images next to it, under the same name with images instead of labels.",
        )
    files = (images.path,) if labels is None or labels.path == images.path else (images.path, labels.path)
    return ArraySet(files, images.split, images.array, labels.array if labels else None)


def _two_of_one(first: _Entry, second: _Entry) -> WrongUse:
    split = f" of {first.split}" if first.split else ""
    places = " and ".join(
        entry.name if first.path == second.path else f"{entry.path} ({entry.name})" for entry in (first, second)
    )
    return WrongUse(
        f"{first.path}: {places} could both be the {first.role}{split}; keep one of them, as by "
        "numpy.savez(FILE, x_train=…, y_train=…, x_test=…, y_test=…), which names the splits."
    )


def _described(name: str, array: StoredArray) -> str:
    return f"{name} {'×'.join(map(str, array.shape)) or '(a single value)'} {array.dtype}"


def partners_of(path: str, siblings: Sequence[Path]) -> list[str]:
    """Give those files next to one of a single array that could be the other half of its pair."""
    own = parse_array_name(ENDINGS.sub("", Path(path).name))
    others = {"images": "labels", "labels": "images"}
    wanted = others.get(own.role or "images")
    partners = []
    for sibling in siblings:
        parsed = parse_array_name(ENDINGS.sub("", sibling.name))
        if parsed.role == wanted and (parsed.split, parsed.rest) == (own.split, own.rest):
            partners.append(str(sibling))
    return partners
