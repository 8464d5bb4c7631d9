"""Pruning: what is left computes what it did before, and the layers around it fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from mnist_data.errors import UnreadableInput  # noqa: E402
from pipelines.networks.evaluation.predictions import predict  # noqa: E402
from pipelines.networks.export.pruning import prune  # noqa: E402
from pipelines.networks.training.model_file import load_model, save_model  # noqa: E402
from pipelines.networks.training.models import WIDTHS, build  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)


def configured(name: str) -> dict[str, Any]:
    """Give what a model's file says of its network."""
    return {"name": name, "shape": [28, 28], "classes": 10}


@pytest.mark.parametrize("name", list(WIDTHS))
def test_channels_that_do_nothing_are_the_ones_taken_out(name: str) -> None:
    """Half of every layer is made to say nothing, at random places; without it the network answers as before."""
    torch.manual_seed(0)
    network = build(name, (28, 28), 10).eval()
    layers = [layer for layer in network if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    norms = [layer for layer in network if isinstance(layer, torch.nn.BatchNorm2d)]
    for layer in [*(norms or []), *[layer for layer in layers[:-1] if layer.bias is not None]]:
        silent = torch.randperm(len(layer.weight))[: len(layer.weight) // 2]
        layer.weight.data[silent] = 0
        layer.bias.data[silent] = 0

    smaller, configuration = prune(network, configured(name), 0.5)

    assert configuration["widths"] == [width // 2 for width in WIDTHS[name]]
    assert sum(map(torch.numel, smaller.parameters())) < 0.56 * sum(map(torch.numel, network.parameters()))
    np.testing.assert_allclose(predict(network, IMAGES), predict(smaller, IMAGES), atol=1e-5)


def test_a_channel_stays_in_every_layer_and_the_network_as_it_was() -> None:
    """However much is asked for."""
    network = build("small", (28, 28), 10).eval()
    before = predict(network, IMAGES)

    smaller, configuration = prune(network, configured("small"), 0.99)

    assert configuration["widths"] == [1] * 5
    assert predict(smaller, IMAGES).shape == (30, 10)
    assert (predict(network, IMAGES) == before).all()


def test_a_pruned_network_is_read_back(tmp_path: Path) -> None:
    """Its file says how wide its layers are; one that says nonsense is refused."""
    smaller, configuration = prune(build("tiny", (28, 28), 10), configured("tiny"), 0.3)
    save_model(smaller, tmp_path / "tiny.safetensors", configuration)

    network, described = load_model(tmp_path / "tiny.safetensors")

    assert described == configuration
    assert (predict(network, IMAGES) == predict(smaller, IMAGES)).all()
    for widths in ([8, 8], "wide", [0] * 6, [6, 6, 11, 11, 14, 11]):
        save_model(smaller, tmp_path / "false.safetensors", {**configuration, "widths": widths})
        with pytest.raises(UnreadableInput, match=r"false\.safetensors"):
            load_model(tmp_path / "false.safetensors")
