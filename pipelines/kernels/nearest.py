"""Nearest neighbours among points, from their pairwise inner products."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.kernels import compiled

Floats = npt.NDArray[np.float64]


@compiled
def nearest_squares(
    products: npt.NDArray[Any], squares: Floats, rows: npt.NDArray[np.int64], neighbours: int
) -> npt.NDArray[np.float64]:
    """Give the squared distances of each chosen point to its nearest other chosen ones, ascending.

    products: (n, n), of each two points. squares: (n,), of each with itself. rows: which of them are chosen, more than
    `neighbours`. Gives (rows, neighbours).
    """
    nearest = np.full((rows.size, neighbours), np.inf)
    for row in range(rows.size):
        point, best = rows[row], nearest[row]
        for other in rows:
            apart = max(0.0, squares[point] - 2.0 * products[point, other] + squares[other])
            if apart < best[-1] and other != point:
                place = neighbours - 1
                while place > 0 and best[place - 1] > apart:
                    best[place] = best[place - 1]
                    place -= 1
                best[place] = apart
    return nearest
