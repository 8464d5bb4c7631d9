"""Learning rate schedules."""

from __future__ import annotations

import math

from pipelines.settings.training import Schedule

WARM_UP = 0.2
"""The fraction of the steps in which the learning rate rises; it falls in the rest."""


def fraction_of_peak(schedule: Schedule, progress: float) -> float:
    """Give the learning rate as a fraction of its highest; progress: through the steps, above 0 and below 1.

    one-cycle rises to 1 in the first fifth and falls to 0, both in a straight line (Smith, arXiv:1803.09820); cosine
    rises as fast and falls along half a cosine (Loshchilov and Hutter, arXiv:1608.03983); constant stays at 1.

    >>> [fraction_of_peak("one-cycle", at) for at in (0.1, 0.2, 0.6)]
    [0.5, 1.0, 0.5]
    """
    if schedule == "constant":
        return 1.0
    if progress < WARM_UP:
        return progress / WARM_UP
    left = (1 - progress) / (1 - WARM_UP)
    return left if schedule == "one-cycle" else 0.5 - 0.5 * math.cos(math.pi * left)
