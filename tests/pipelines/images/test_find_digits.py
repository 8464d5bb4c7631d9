"""Digits on whole sheets: ruled, squared, gridded, tilted, bent, touching; and what is no digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.prepare_sheets import longest_rising, matched
from benchmarks.sheets import PAPERS, Conditions, make_sheet
from mnist_data.errors import NoDataset
from mnist_data.idx import sample
from pipelines.images.find_digits.lines import reading_order
from pipelines.images.find_digits.sheet import digits_of, read_sheet
from pipelines.stages.prepare import prepare

IMAGES, _ = sample.digits()


@pytest.mark.parametrize("paper", PAPERS)
def test_digits_are_read_in_order_from_any_paper(paper: str) -> None:
    """On a sheet that is tilted by three degrees and lit from one side, at least nine of ten, and few samples more."""
    conditions = Conditions(tilt=3, shadow=0.2, noise=2, texture=1)
    sheet = make_sheet(IMAGES, 7, 8, paper, conditions, np.random.default_rng(12))

    digits = digits_of(sheet.photo)

    boxes = np.array([(digit.left, digit.top, digit.right, digit.bottom) for digit in digits])
    assert longest_rising(matched(boxes, sheet.boxes)) >= 0.9 * max(len(sheet.boxes), len(boxes))


@pytest.mark.parametrize(("slope", "bend"), [(0.0, 0.0), (0.25, 0.0), (-0.25, 0.0), (0.0, 25.0), (0.1, -25.0)])
def test_tilted_and_bent_lines_are_read_one_after_another(slope: float, bend: float) -> None:
    """Also where the end of a line is lower than the beginning of the next; the jitter of a hand does no harm."""
    rng = np.random.default_rng(0)
    rows, columns = (axis.reshape(-1) for axis in np.mgrid[0:6, 0:12])
    right = columns * 30.0
    down = rows * 40.0 + slope * right + bend * np.sin(np.pi * columns / 11)
    centres = np.stack([down, right], axis=1) + rng.uniform(-3, 3, (72, 2))
    shuffled = rng.permutation(72)

    order = reading_order(centres[shuffled], 24.0)

    assert shuffled[order].tolist() == list(range(72))


def test_two_digits_side_by_side_are_two_however_close() -> None:
    """A pixel apart, less than the width of the pen."""
    page = Image.new("L", (300, 200), 255)
    draw = ImageDraw.Draw(page)
    draw.ellipse((40, 40, 120, 160), outline=0, width=12)
    draw.line((130, 40, 130, 160), fill=0, width=14)

    assert [digit.left for digit in digits_of(page)] == [40, 124]


@pytest.mark.parametrize("side", [28, 120, 400, 900])
def test_ink_that_fills_the_frame_is_kept(side: int) -> None:
    """A digit cut to its edges, at any size."""
    page = Image.new("L", (750, 1000), 255)
    draw = ImageDraw.Draw(page)
    draw.ellipse((80, 0, 670, 560), outline=0, width=150)  # a 9
    draw.line((670, 280, 550, 1000), fill=0, width=150)
    page = page.resize((round(side * 0.75), side), Image.Resampling.BICUBIC)

    digits = digits_of(page)

    assert len(digits) == 1
    assert digits[0].bottom - digits[0].top >= 0.9 * side


def test_pencil_next_to_a_pen_is_kept() -> None:
    """A seventh of the pen's contrast is far above the noise of the paper."""
    page = np.random.default_rng(0).normal(235, 1.5, (300, 500))
    glyph = np.kron(IMAGES[0], np.ones((5, 5))) / 255
    page[80:220, 40:180] -= 200 * glyph
    page[80:220, 280:420] -= 30 * glyph

    assert len(digits_of(Image.fromarray(page.clip(0, 255).astype(np.uint8)))) == 2


def test_what_is_no_digit_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    """A net over the whole picture is never a sample; next to digits, joined writing is none either."""
    net = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(net)
    for place in range(30, 400, 60):
        draw.arc((place - 300, -100, place + 100, 500), 270, 90, fill=0, width=9)
        draw.arc((-100, place - 300, 500, place + 100), 0, 180, fill=0, width=9)
    net.save(tmp_path / "net.png")
    sheet = make_sheet(IMAGES, 4, 8, "blank", Conditions(word=True, specks=8), np.random.default_rng(1))

    with pytest.raises(NoDataset, match=r"shapes? w(as|ere) set aside, .*holes"):
        prepare(tmp_path / "net.png", tmp_path / "out")
    result = read_sheet(sheet.photo)

    assert len(result.digits) == len(sheet.boxes)
    assert any(thing.reason.startswith("larger than the digits") for thing in result.set_aside)
