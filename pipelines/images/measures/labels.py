"""Labels that are no class."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def unlikely_labels(counts: Mapping[int, int], classes: int = 0) -> dict[int, int]:
    """Find labels that are no class: outside 0 … classes-1 where the number is known, else rare ones out on a limb.

    Of unknown classes those count that occur at least a tenth as often as the median one, and those in a row with
    them: one 200 among 60,000 digits is no class, a rare letter between two common ones is. None is negative.

    >>> unlikely_labels({0: 5923, 1: 6742, 2: 3, 200: 1})
    {200: 1}
    """
    if classes:
        return {label: count for label, count in sorted(counts.items()) if not 0 <= label < classes}
    enough = 0.1 * float(np.median(list(counts.values()))) if counts else 0.0
    likely = {label for label, count in counts.items() if label >= 0 and count >= enough}
    frontier = set(likely)
    while frontier:
        frontier = {
            near for label in frontier for near in (label - 1, label + 1) if near >= 0 and near in counts
        } - likely
        likely |= frontier
    return {label: count for label, count in sorted(counts.items()) if label not in likely}
