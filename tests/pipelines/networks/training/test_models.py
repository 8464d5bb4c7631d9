"""The networks: small, and indifferent to the size of the image."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from mnist_data.errors import WrongUse  # noqa: E402
from pipelines.networks.training.models import build  # noqa: E402

SHAPES = [(1, 1), (2, 3), (7, 5), (8, 8), (28, 28), (29, 27), (32, 32, 3), (1, 40), (64, 64, 4)]


@pytest.mark.parametrize("name", ["mlp", "tiny", "small", "large"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_images_of_any_size_can_be_learnt_from(name, shape):
    """Digits of 8×8, photographs of 32×32×3 and a strip of pixels all give a logit a class, and gradients."""
    height, width, channels = (*shape, 1)[:3]
    network = build(name, shape, classes=7)
    logits = network(torch.rand(3, channels, height, width))
    logits.sum().backward()

    assert logits.shape == (3, 7)
    assert all(weights.grad is not None for weights in network.parameters())


@pytest.mark.parametrize(("name", "most"), [("tiny", 10_000), ("small", 100_000), ("large", 1_500_000)])
def test_the_networks_keep_to_their_size(name, most):
    """On MNIST, which their names promise."""
    network = build(name, (28, 28), classes=10)

    assert most / 3 < sum(weights.numel() for weights in network.parameters()) < most


def test_the_mlp_is_the_plain_784_128_10():
    """A baseline is worth something only if everybody knows which."""
    network = build("mlp", (28, 28), classes=10)

    assert [tuple(weights.shape) for weights in network.parameters()] == [(128, 784), (128,), (10, 128), (10,)]


def test_lenet5_has_the_sizes_of_the_paper():
    """Six and sixteen maps, 120 and 84 units; of pictures that its convolutions would use up it says so."""
    network = build("lenet5", (28, 28), classes=10)

    assert [len(weights) for weights in network.parameters() if weights.ndim > 1] == [6, 16, 120, 84, 10]
    assert sum(weights.numel() for weights in network.parameters()) == 61_706
    with pytest.raises(WrongUse, match="at least 12×12 pixels; these are 8×8"):
        build("lenet5", (8, 8), classes=10)
