"""The cost of a prediction: multiplications counted by hand, and a time that is a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.networks.evaluation.cost import images_per_second, multiply_adds, with_cost

torch = pytest.importorskip("torch")
nn = torch.nn


def test_convolutions_and_dense_layers_are_counted_as_by_hand() -> None:
    """LeNet-5's first layers: 6 filters of 5×5 over 28×28, 16 of 6×5×5 over 10×10, and 400×120."""
    lenet = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120),
    )  # fmt: skip
    grouped = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=4, bias=False), nn.BatchNorm2d(8))

    assert multiply_adds(lenet, (28, 28)) == 28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 400 * 120
    assert multiply_adds(grouped.eval(), (9, 7, 4)) == 5 * 4 * 8 * 9


def test_counting_leaves_the_network_as_it_was() -> None:
    """No hook stays; a second count is the same."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))

    assert [multiply_adds(network, (3, 4)) for _ in range(2)] == [36, 36]
    assert not network[1]._forward_hooks


def test_speed_is_told_for_few_images_too() -> None:
    """Three images are repeated to a batch."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()

    assert 0 < images_per_second(network, np.zeros((3, 2, 2), np.uint8)) < 1e9


def test_an_ensemble_costs_as_much_as_its_networks_together() -> None:
    """Three times the multiplications, a third of the speed; on each split."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    evaluation = pd.DataFrame({"split": ["validation"] * 4 + ["test"] * 4, "seed": [0, 1, 2, None] * 2})

    table = with_cost(evaluation.astype({"seed": "Int64"}), network, np.zeros((1, 2, 2), np.uint8))
    speed = table["images_per_second"]

    assert table["multiply_adds"].tolist() == [8, 8, 8, 24] * 2
    assert (speed[0] / speed[3], speed[0] / speed[6]) == pytest.approx((3, 1))
