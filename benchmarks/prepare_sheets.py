"""How many digits `prepare` finds on sheets of MNIST digits, and whether it reads them in order.

    python -m benchmarks.prepare_sheets [--seed N] [--sheets N] [--write]

A digit is found where a box of `prepare` overlaps its own by half (intersection over union), each box for one digit at
most. In order are those in the longest sequence of found digits that follows the sheet; the score is their number by
the sheet's digits or by the boxes, whichever are more. --write replaces the table in docs/own-images.md. Parameters of
the code were chosen on sheets of seed 1; the published figures are of seed 2.
"""

from __future__ import annotations

import argparse
import sys
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measure import describe_machine, real_data
from benchmarks.sheets import PAPERS, Sheet, clean_conditions, hard_conditions, make_sheet
from mnist_data.idx.format import open_idx
from pipelines.images.find_digits.sheet import Digit, read_sheet

DOCUMENT = Path(__file__).parent.parent / "docs" / "own-images.md"
START, END = "<!-- sheets -->\n", "<!-- /sheets -->\n"


@dataclass
class Score:
    """Counts over sheets: true digits, boxes, digits found, digits found in order."""

    sheets: int = 0
    digits: int = 0
    boxes: int = 0
    found: int = 0
    in_order: int = 0
    most: int = 0
    marked: int = 0
    seconds: float = 0.0

    def add(self, sheet: Sheet, digits: list[Digit], seconds: float) -> None:
        """Count a sheet."""
        boxes = np.array([(digit.left, digit.top, digit.right, digit.bottom) for digit in digits]).reshape(-1, 4)
        order = matched(boxes, sheet.boxes)
        self.sheets += 1
        self.digits += len(sheet.boxes)
        self.boxes += len(boxes)
        self.found += len(order)
        self.in_order += longest_rising(order)
        self.most += max(len(boxes), len(sheet.boxes))
        self.marked += sum(bool(digit.mark) for digit in digits)
        self.seconds += seconds


def matched(boxes: npt.NDArray[Any], true: npt.NDArray[Any]) -> list[int]:
    """Give in the order of boxes the places of the true boxes that they are of; boxes of none are left out."""
    corners = np.maximum(boxes[:, None, :2], true[None, :, :2]), np.minimum(boxes[:, None, 2:], true[None, :, 2:])
    shared = np.prod(np.maximum(corners[1] - corners[0], 0), axis=2)
    areas = [np.prod(each[:, 2:] - each[:, :2], axis=1) for each in (boxes, true)]
    overlap = shared / (areas[0][:, None] + areas[1][None] - shared)
    order: list[int] = []
    for row in overlap:
        best = int(np.argmax(row)) if len(row) else -1
        if best >= 0 and row[best] >= 0.5 and best not in order:
            order.append(best)
    return order


def longest_rising(places: list[int]) -> int:
    """Give the length of the longest rising subsequence (patience sorting)."""
    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)


def measure(images: npt.NDArray[np.uint8], seed: int, sheets: int, kind: str, paper: str) -> Score:
    """Read sheets of one kind and paper; each has 8 to 14 rows and columns."""
    score = Score()
    for number in range(sheets):
        rng = np.random.default_rng([seed, number, PAPERS.index(paper), kind == "hard"])
        rows, columns = (int(length) for length in rng.integers(8, 15, 2))
        conditions = clean_conditions(rng) if kind == "clean" else hard_conditions(rng, paper)
        sheet = make_sheet(images, rows, columns, paper, conditions, rng)
        started = perf_counter()
        digits = list(read_sheet(sheet.photo).digits)
        score.add(sheet, digits, perf_counter() - started)
    return score


def large_grid(images: npt.NDArray[np.uint8], seed: int) -> Score:
    """Read a scanned form of 1,150 cells."""
    rng = np.random.default_rng([seed, 1150])
    sheet = make_sheet(images, 25, 46, "grid", clean_conditions(rng), rng)
    score = Score()
    started = perf_counter()
    digits = list(read_sheet(sheet.photo).digits)
    score.add(sheet, digits, perf_counter() - started)
    return score


def row(name: str, score: Score) -> str:
    """Give a row of the table."""
    return (
        f"| {name} | {score.sheets} | {score.digits:,} | {score.boxes:,} | {score.found / score.digits:.4f} "
        f"| {score.in_order / score.most:.4f} | {score.marked} | {score.seconds / score.sheets:.1f} |"
    )


HEADER = (
    "| sheets | number | true digits | samples made | found | found and in order | marked | seconds a sheet |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
)


def main() -> int:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--sheets", type=int, default=2, help="of each kind and paper")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    folder = real_data("mnist")
    if folder is None:
        return 0
    with open_idx(str(folder / "t10k-images-idx3-ubyte.gz")) as reader:
        images = next(iter(reader.batches(10_000)))
    print(describe_machine("numpy", "scipy", "pillow"))
    lines = list(HEADER)
    print("\n".join(lines))
    for kind in ("clean", "hard"):
        total = Score()
        for paper in PAPERS:
            score = measure(images, arguments.seed, arguments.sheets, kind, paper)
            for name, value in vars(score).items():
                setattr(total, name, getattr(total, name) + value)
            lines.append(row(f"{kind}, {paper}", score))
            print(lines[-1], flush=True)
        lines.append(row(f"**{kind}, all**", total))
        print(lines[-1])
    lines.append(row("clean, a grid of 25 × 46", large_grid(images, arguments.seed)))
    print(lines[-1])
    if arguments.write:
        before, rest = DOCUMENT.read_text().split(START)
        after = rest.split(END)[1]
        DOCUMENT.write_text(before + START + "\n".join(lines) + "\n" + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
