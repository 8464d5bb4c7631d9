"""The networks: small, and indifferent to the size of the image."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from mnist_data.errors import WrongUse  # noqa: E402
from pipelines.training.models import build  # noqa: E402

SHAPES = [(1, 1), (2, 3), (7, 5), (8, 8), (28, 28), (29, 27), (32, 32, 3), (1, 40), (64, 64, 4)]


@pytest.mark.parametrize("name", ["cnn", "mlp"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_images_of_any_size_can_be_learnt_from(name, shape):
    """Digits of 8×8, photographs of 32×32×3 and a strip of pixels all give a logit a class, and gradients."""
    height, width, channels = (*shape, 1)[:3]
    network = build(name, shape, classes=7)
    logits = network(torch.rand(3, channels, height, width))
    logits.sum().backward()

    assert logits.shape == (3, 7)
    assert all(weights.grad is not None for weights in network.parameters())


def test_the_cnn_stays_below_100_000_parameters():
    """It must train in half a minute on two cores, colour pictures of 26 classes included."""
    network = build("cnn", (32, 32, 3), classes=26)

    assert sum(weights.numel() for weights in network.parameters()) < 100_000


def test_the_mlp_is_the_plain_784_128_10():
    """A baseline is worth something only if everybody knows which."""
    network = build("mlp", (28, 28), classes=10)

    assert [tuple(weights.shape) for weights in network.parameters()] == [(128, 784), (128,), (10, 128), (10,)]


def test_a_model_of_an_unknown_name_is_refused():
    """The message lists the names that there are."""
    with pytest.raises(WrongUse, match=r"no model 'resnet'; it can be cnn, mlp"):
        build("resnet", (28, 28), classes=10)
