"""Which images are of none of a network's classes: the promised rate, what is rejected, and the way through a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mnist_data.errors import UnreadableInput

torch = pytest.importorskip("torch")

from mnist_data.idx import sample  # noqa: E402
from pipelines.networks.data.loader import MemoryLoader  # noqa: E402
from pipelines.networks.evaluation.out_of_distribution import (  # noqa: E402
    Detector,
    conformal_place,
    fit_detector,
    fit_distance,
    load_detector,
    logits_and_features,
    save_detector,
)
from pipelines.networks.evaluation.predictions import logits  # noqa: E402
from pipelines.networks.training.fit import fit  # noqa: E402
from pipelines.networks.training.model_file import save_model  # noqa: E402
from pipelines.settings.training import Train  # noqa: E402

IMAGES, LABELS = sample.digits()
LEARNED = np.arange(len(IMAGES)) % 3 > 0


@pytest.fixture(scope="module")
def loaders() -> tuple[MemoryLoader, MemoryLoader]:
    """Give two thirds of the sample for training, and a third for validation."""
    return MemoryLoader(IMAGES[LEARNED], LABELS[LEARNED]), MemoryLoader(IMAGES[~LEARNED], LABELS[~LEARNED])


@pytest.fixture(scope="module")
def network(loaders: tuple[MemoryLoader, MemoryLoader]) -> torch.nn.Module:
    """Give a network trained on it for three epochs."""
    return fit(*loaders, 10, Train(model="lenet5", epochs=3)).model


@pytest.fixture(scope="module")
def detector(network: torch.nn.Module, loaders: tuple[MemoryLoader, MemoryLoader]) -> Detector:
    """Give its detector."""
    fitted = fit_detector(network, *loaders, seed=0)
    assert fitted is not None
    return fitted


def test_distances_are_mahalanobis_own() -> None:
    """Compared with the formula, by the inverse of the covariance within the classes."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    features = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4)) + 5 * labels[:, None]
    means = np.stack([features[labels == label].mean(0) for label in range(3)])
    inverse = np.linalg.inv(np.cov((features - means[labels]).T, bias=True))
    new = rng.normal(size=(20, 4)) * 10
    offsets = new[:, None] - means
    expected = np.einsum("nci,ij,ncj->nc", offsets, inverse, offsets).min(1)

    np.testing.assert_allclose(fit_distance(features, labels, 0.0)(new), expected, rtol=1e-3)


@pytest.mark.parametrize("samples", [1, 20, 99, 500, 2_000])
def test_the_rate_of_false_rejections_holds(samples: int) -> None:
    """Over many draws of validation samples a further one exceeds the threshold as seldom as promised."""
    draws = np.sort(np.random.default_rng(0).random((2_000, samples)), axis=1)
    thresholds = draws[:, conformal_place(samples) - 1]

    assert (1 - thresholds).mean() <= max(0.01, 1 / (samples + 1)) * 1.1


def test_other_images_are_rejected_and_digits_are_not(network: torch.nn.Module, detector: Detector) -> None:
    """Noise, inverted digits and stripes; of the validation samples at most one in a hundred."""
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    stripes = np.broadcast_to(np.where(np.arange(28) % 4 < 2, 255, 0).astype(np.uint8), (1, 28, 28))

    def rejected(images: np.ndarray) -> float:
        return float((detector(logits_and_features(network, images)[1]) > 0).mean())

    assert rejected(noise) == rejected(255 - IMAGES) == rejected(stripes) == 1
    assert rejected(IMAGES[~LEARNED]) <= detector.false_rejections


def test_the_logits_are_those_of_a_prediction(network: torch.nn.Module) -> None:
    """To the last bit, as the same layers run in the same order."""
    assert torch.equal(logits_and_features(network, IMAGES[:30])[0], logits(network, IMAGES[:30]))


def encrypted(content: bytes) -> bytes:
    """Say of every member of a zip that it is encrypted, in both of its headers, as a flipped bit does."""
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        pieces = content.split(magic)
        place = offset - len(magic)
        flagged = [piece[:place] + bytes([piece[place] | 1]) + piece[place + 1 :] for piece in pieces[1:]]
        content = magic.join([pieces[0], *flagged])
    return content


def test_a_file_brings_the_detector_back(network: torch.nn.Module, detector: Detector, tmp_path: Path) -> None:
    """With the same scores, for its own model only; a damaged one is named."""
    configuration = {"name": "lenet5", "shape": [28, 28], "classes": 10, "class_names": [], "dtype": "uint8"}
    model, other = tmp_path / "lenet5.safetensors", tmp_path / "other.safetensors"
    save_model(network, model, configuration)
    save_detector(detector, model)
    save_model(network, other, configuration | {"dataset": "another"})
    features = logits_and_features(network, IMAGES[:50])[1]

    again = load_detector(model)

    assert again is not None
    np.testing.assert_array_equal(again(features), detector(features))
    assert (again.false_rejections, again.samples) == (detector.false_rejections, (~LEARNED).sum())
    assert load_detector(other) is None
    written = tmp_path / "lenet5.ood.npz"
    shutil.copy(written, tmp_path / "other.ood.npz")
    assert load_detector(other) is None
    content = written.read_bytes()
    for damaged in (content[:-200], content[:300] + b"x" + content[301:], b"", encrypted(content)):
        written.write_bytes(damaged)
        with pytest.raises(UnreadableInput, match=r"lenet5\.ood\.npz: it cannot be read"):
            load_detector(model)


def test_without_validation_samples_there_is_none(
    network: torch.nn.Module, loaders: tuple[MemoryLoader, MemoryLoader]
) -> None:
    """Nothing says then how far off a digit may be."""
    assert fit_detector(network, loaders[0], MemoryLoader(IMAGES[:0], LABELS[:0]), seed=0) is None
