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


@compiled
def keep_nearest(
    products: npt.NDArray[np.float32],
    squares: npt.NDArray[np.float32],
    own: npt.NDArray[np.int64],
    begin: int,
    apart: npt.NDArray[np.float32],
    nearest: npt.NDArray[np.int64],
) -> None:
    """Keep the nearest points of each row, given the inner products with some more points.

    products: (rows, columns). squares: (columns,), of each with itself. own: (rows,), the column of each row's own
    point, which is not its neighbour. begin: the number of the first column. apart, nearest: (rows, neighbours),
    ascending, what is nearest so far; the distances are squared and lack the square of the row's point. Of equal ones
    the first stays.
    """
    last = apart.shape[1] - 1
    for row in range(products.shape[0]):
        distances, names = apart[row], nearest[row]
        worst = distances[last]
        for column in range(products.shape[1]):
            distance = squares[column] - np.float32(2) * products[row, column]
            if distance < worst and column != own[row]:
                place = last
                while place > 0 and distances[place - 1] > distance:
                    distances[place], names[place] = distances[place - 1], names[place - 1]
                    place -= 1
                distances[place], names[place] = distance, begin + column
                worst = distances[last]
