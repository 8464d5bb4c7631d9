"""Classes that a recipe turns into one another: 6 and 9, half a turn apart, whose copies keep their labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import Metadata
from pipelines.images.thumbnails import first_samples
from pipelines.settings.recipe import Recipe

TURNS: dict[int, tuple[str, ...]] = {
    180: ("69", "MW", "mw", "nu", "bq", "dp"),
    90: ("NZ", "CU", "cu", "cn"),
}
"""Pairs of Latin digits and letters that are each other, turned by so many degrees."""

TOLERANCE = 30
"""Degrees by which handwriting leans anyway: copies that differ by a turn less than this look alike."""

PER_CLASS = 100
"""Samples of each class that are looked at."""

DENIED = 0.15
"""A pair counts unless fewer of the turned samples of one than this are nearest to the other: names can be misleading.

Of MNIST's 6, half a turn makes about half nearest to a 9; of Bangla digits, which have other signs for 6 and 9, few.
"""

_WORDS = {word: str(digit) for digit, word in enumerate(
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
)}  # fmt: skip


def about_turned_classes(source: Dataset, recipe: Recipe) -> tuple[str, ...]:
    """Say which classes of a dataset the recipe's rotation makes look like one another, in one sentence or none.

    That is so where copies of one come to lie as the originals or the copies of the other do.
    """
    amount = recipe.amounts.get("rotation")
    if amount is None:
        return ()
    reach = max(amount.high - amount.low, abs(amount.low), abs(amount.high))
    pairs = [(pair, turn) for turn in TURNS if reach >= turn - TOLERANCE for pair in _pairs(source.metadata, turn)]
    samples = first_samples(source, source.training_split, PER_CLASS) if pairs else None
    if samples is None:
        return ()
    present = set(samples.labels.tolist())
    pairs = [(pair, turn) for pair, turn in pairs if set(pair) <= present and not _is_denied(samples, pair, turn)]
    if not pairs:
        return ()
    names = [[source.metadata.class_name(label) for label in pair] for pair, _ in pairs]
    listed = ", ".join(f"{first} into {second} and {second} into {first}" for first, second in names)
    harmless = (min(turn for _, turn in pairs) - TOLERANCE) // 2
    return (
        f"rotation {amount.low:g} … {amount.high:g} turns {listed}, and the copies keep their labels: turn by less "
        f"than {harmless}° to either side, or take such classes out.",
    )


def _pairs(metadata: Metadata, turn: int) -> Iterator[tuple[int, int]]:
    """Give the labels of the pairs of classes that a turn exchanges, by their names; unnamed classes are digits."""
    names = metadata.classes or tuple(map(str, range(10)))
    labels = {_character(name): label for label, name in enumerate(names)}
    for pair in TURNS[turn]:
        if set(pair) <= set(labels):
            yield labels[pair[0]], labels[pair[1]]


def _character(name: str) -> str:
    """Give the digit or letter that the name of a class means, as 6 of digit_6 or six; else the name.

    >>> _character("digit_6"), _character("Six"), _character("Bag")
    ('6', '6', 'Bag')
    """
    bare = re.sub(r"^(digit|class|label|char|character|letter|number)[-_ ]?(?=[^\W_]+$)", "", name, flags=re.IGNORECASE)
    return _WORDS.get(bare.lower(), bare)


def _is_denied(samples: Batch, pair: tuple[int, int], turn: int) -> bool:
    """Say whether the pixels deny that a turn exchanges two classes; of few samples they say nothing."""
    images = samples.images if samples.images.ndim == 3 else samples.images.mean(axis=-1)
    if min(np.count_nonzero(samples.labels == label) for label in pair) < PER_CLASS // 2:
        return False
    if turn % 180 and images.shape[1] != images.shape[2]:
        return False
    known, labels = _directions(images), samples.labels
    for (one, other), quarters in ((pair, turn // 90), (pair[::-1], -turn // 90)):
        turned = _directions(np.rot90(images[labels == one], quarters, axes=(1, 2)))
        nearest = labels[(turned @ known.T).argmax(axis=1)]
        if np.mean(nearest == other) < DENIED:
            return True
    return False


def _directions(images: Images) -> npt.NDArray[np.float32]:
    """Give images as vectors of mean 0 and length 1, (n, pixels), whose products are correlations."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9), np.float32)
