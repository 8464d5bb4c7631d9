"""The learning rate over a training, as the papers draw it."""

from __future__ import annotations

import math

import pytest

from pipelines.networks.training.schedule import fraction_of_peak

STEPS = [at / 100 for at in range(1, 100)]


def test_a_constant_rate_is_at_its_peak_throughout() -> None:
    """From the first step to the last."""
    assert {fraction_of_peak("constant", at) for at in STEPS} == {1.0}


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_a_cycle_rises_in_the_first_fifth_and_falls_to_nothing(schedule: str) -> None:
    """It never exceeds its peak, and is there at a fifth of the steps."""
    rates = [fraction_of_peak(schedule, at) for at in STEPS]  # type: ignore[arg-type]

    assert rates[:19] == sorted(rates[:19])
    assert rates[19:] == sorted(rates[19:], reverse=True)
    assert rates[:19] == pytest.approx([at / 0.2 for at in STEPS[:19]])
    assert rates[19] == pytest.approx(1)
    assert 0 < rates[-1] < 0.02


def test_the_falls_are_a_line_and_half_a_cosine() -> None:
    """Both halfway down in the middle of the fall, the cosine above the line before it and below it after."""
    for at in STEPS[20:]:
        left = (1 - at) / 0.8
        assert fraction_of_peak("one-cycle", at) == pytest.approx(left)
        assert fraction_of_peak("cosine", at) == pytest.approx((1 + math.cos(math.pi * (1 - left))) / 2)
