"""Labels that are texts: numbered in natural order, 2 before 10, and names of classes then."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mnist_data.images_in.image_files.classes import natural


def number_texts(texts: Iterable[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Give numbers to labels that are texts, and name the classes; texts of integers are the labels themselves.

    >>> number_texts(["b", "a10", "a9"])
    ({'a9': 0, 'a10': 1, 'b': 2}, ('a9', 'a10', 'b'))
    >>> number_texts(["7", "3"])
    ({'3': 3, '7': 7}, ())
    """
    ordered = sorted(set(texts), key=natural)
    if ordered and all(re.fullmatch(r"\s*[0-9]{1,15}(\.0*)?\s*", text) for text in ordered):
        return {text: int(float(text)) for text in ordered}, ()
    return {text: number for number, text in enumerate(ordered)}, tuple(ordered)
