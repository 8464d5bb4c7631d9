"""What the names of arrays and of their files say: images or labels, the split, and which belong together."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mnist_data.idx.names import Role

_SPLITS = {
    "train": "train",
    "training": "train",
    "tr": "train",
    "trn": "train",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "t10k": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "extra": "extra",
    "unlabelled": "unlabelled",
    "unlabeled": "unlabelled",
}
_LABELS = {"y", "ys", "label", "labels", "lbl", "lbls", "target", "targets"}
_MAYBE_LABELS = {"class", "classes", "digit", "category", "categories"}
_IMAGES = {
    "x",
    "xs",
    "data",
    "image",
    "images",
    "img",
    "imgs",
    "im",
    "ims",
    "pixel",
    "pixels",
    "picture",
    "pictures",
} | {
    "feature",
    "features",
    "input",
    "inputs",
}
_WORD = re.compile(r"t10k|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_JOINED = re.compile(rf"^([xy])({'|'.join(_SPLITS)})$|^({'|'.join(_SPLITS)})([xy])$")


@dataclass(frozen=True)
class ArrayName:
    """What a name says. role, split: None where it says none. rest: its other words, which a pair has in common."""

    role: Role | None
    split: str | None
    rest: tuple[str, ...]


def parse_array_name(name: str) -> ArrayName:
    """Read the name of an array, or of a file of one array, without its ending.

    >>> parse_array_name("x_train"), parse_array_name("testY").role
    (ArrayName(role='images', split='train', rest=()), 'labels')
    >>> parse_array_name("k49-train-imgs")
    ArrayName(role='images', split='train', rest=('k', '49'))
    >>> parse_array_name("x_split=fold1")
    ArrayName(role='images', split='fold1', rest=())
    """
    name, _, named = name.partition("split=")
    words = _words(name)
    split = named or next((_SPLITS[word] for word in words if word in _SPLITS), None)
    role = _role(set(words))
    taken = _LABELS if role == "labels" else _IMAGES
    if role == "labels" and not taken & set(words):
        taken = _MAYBE_LABELS
    return ArrayName(role, split, tuple(word for word in words if word not in taken and word not in _SPLITS))


def _words(name: str) -> list[str]:
    words: list[str] = []
    for word in _WORD.findall(name):
        joined = _JOINED.match(word.lower())
        words += [part for part in joined.groups() if part] if joined else [word.lower()]
    return words


def _role(words: set[str]) -> Role | None:
    if words & _LABELS:
        return "labels"
    if words & _IMAGES:
        return "images"
    return "labels" if words & _MAYBE_LABELS else None
