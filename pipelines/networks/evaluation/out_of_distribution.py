"""Whether an image is in distribution: like those that a network was trained on, or probably of none of its classes.

An image is seen in two ways: by the network, as its last ReLU's units, or the mean and maximum of its last ReLU's maps,
and by itself, as its brightness in the cells of a coarse grid. In each, its distance is Mahalanobis' squared one to the
nearest class, with one covariance for all classes (Lee, Lee, Lee and Shin: A simple unified framework for detecting
out-of-distribution samples and adversarial attacks, NeurIPS 2018), shrunk to a multiple of the identity. A distance
counts by how far it is above the median of the validation samples, and the larger one of the two is the score.

The threshold is a conformal quantile of the validation samples' scores, so that of further images like them no more
than the stated fraction is rejected (Vovk, Gammerman and Shafer: Algorithmic learning in a random world, 2005).
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data import storage
from mnist_data.batch import Images, Integers
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.seal import UNSEALED, sealed
from pipelines.networks.data.loader import Loader
from pipelines.networks.evaluation.predictions import inputs, rows_at_once
from pipelines.networks.training.device import device, every_core

if TYPE_CHECKING:
    import torch
    from torch import nn

Floats = npt.NDArray[np.float64]
Features = Mapping[str, Floats]
"""How some images are seen: "network" and "image" -> (n, d) float64."""

FALSE_REJECTIONS = 0.01
"""Fraction of the validation samples' kind that may be rejected; with fewer than 99 of them 1 / (n + 1)."""

SHRINKAGE = {"network": 0.1, "image": 0.1}
"""How far each covariance is moved to a multiple of the identity. This and the features were chosen on some kinds of
images and evaluated on others (docs/out-of-distribution.md)."""

GRID = 14
"""Cells along each side in which an image's brightness is compared; half of MNIST's, so that blur hardly matters."""

SAMPLES = 4_000
"""Most training samples that the distances are fitted to, chosen and augmented as in the first epoch."""

UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError, RuntimeError),
    *(RecursionError, SyntaxError, TokenError, AttributeError, zipfile.BadZipFile, zlib.error),
)
"""What NumPy raises for a damaged .npz file."""

LEAST_STD = 0.01
"""A feature's least standard deviation, relative to the largest one: what hardly varies must not decide."""


@dataclass(frozen=True)
class ClassDistance:
    """Distances to the nearest class in one view of d features.

    center: (d,), whitening: (d, d), means: (classes, d) of the whitened features, all float32. median, spread: of the
    distances of validation samples, the spread from the median to the 99 % quantile.
    """

    center: npt.NDArray[np.float32]
    whitening: npt.NDArray[np.float32]
    means: npt.NDArray[np.float32]
    median: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        size = len(self.center)
        if self.center.ndim != 1 or self.whitening.shape != (size, size) or self.means.shape[1:] != (size,):
            raise ValueError("the shapes of its arrays do not fit")

    def __call__(self, features: Floats) -> Floats:
        """Give (n,) distances for (n, d) features: 0 at the median of validation samples, 1 at their 99 % quantile."""
        whitened, means = (features - self.center) @ self.whitening.astype(np.float64), self.means.astype(np.float64)
        squares = (whitened**2).sum(1)[:, None] + (means**2).sum(1) - 2 * whitened @ means.T
        return np.asarray((squares.min(1) - self.median) / self.spread)

    def calibrated(self, features: Floats) -> ClassDistance:
        """Give the same distances relative to those of validation samples, (n, d)."""
        distances = self(features)
        median, high = float(np.median(distances)), float(np.quantile(distances, 0.99))
        return ClassDistance(
            self.center, self.whitening, self.means, median, max(high - median, 0.1 * abs(median), 1e-9)
        )


@dataclass(frozen=True)
class Detector:
    """Says which images are out of distribution for one network.

    views: "network" and "image" -> distances. threshold: of the larger distance. false_rejections: the fraction of
    images like the validation samples that it rejects at most. samples: how many of these there were.
    """

    views: Mapping[str, ClassDistance]
    threshold: float
    false_rejections: float
    samples: int

    def __call__(self, features: Features) -> Floats:
        """Give (n,) scores: above 0 an image is out of distribution."""
        return np.asarray(np.max([view(features[name]) for name, view in self.views.items()], axis=0) - self.threshold)


def detector_file(model: str | Path) -> str:
    """Give where the detector of a model's file lies: small.safetensors has small.ood.npz."""
    return f"{str(model).removesuffix('.safetensors')}.ood.npz"


def save_detector(detector: Detector, model: str | Path) -> None:
    """Write a detector next to the file of its model, with that file's hash and its own; never half of it."""
    numbers = {
        "threshold": detector.threshold,
        "false_rejections": detector.false_rejections,
        "samples": detector.samples,
    }
    arrays = {
        f"{name}.{part.name}": getattr(view, part.name)
        for name, view in detector.views.items()
        for part in fields(ClassDistance)
    }
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, model=storage.sha256_of(Path(model)), **numbers, **arrays)
    with zipfile.ZipFile(content, "a") as archive:
        archive.comment = UNSEALED.encode()  # which readers of archives and NumPy pass over
    with storage.new_file(detector_file(model)) as draft:
        draft.write_bytes(sealed(content.getvalue()))


def load_detector(model: str | Path) -> Detector | None:
    """Read the detector of a model's file; None where there is none, or one of another model's.

    Raises UnreadableInput where it is damaged.
    """
    path = Path(detector_file(model))
    if not path.exists():
        return None
    belongs, detector = read_detector(path)
    return detector if belongs == storage.sha256_of(Path(model)) else None


def read_detector(path: Path) -> tuple[str, Detector]:
    """Read a detector's file: the hash of its model, and the detector. Raises UnreadableInput for a damaged one."""
    try:
        stored = _arrays(path.read_bytes())
        views = {
            name: ClassDistance(**{part.name: _finite(stored[f"{name}.{part.name}"]) for part in fields(ClassDistance)})
            for name in SHRINKAGE
        }
        threshold, rejections, samples = (
            _finite(stored[name]).item() for name in ("threshold", "false_rejections", "samples")
        )
        return str(stored["model"]), Detector(views, float(threshold), float(rejections), int(samples))
    except UNREADABLE as cause:
        advice = "Train the model again, or delete the file: predict cannot tell then which images are of no class."
        found = f"it cannot be read ({str(cause) or type(cause).__name__})"
        raise UnreadableInput(str(path), found, "a detector that train has written", advice) from cause


def _arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of an archive as NumPy writes it: none is larger than the file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > len(content):
        raise ValueError("its arrays are compressed, or larger than the file")
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return dict(stored)


def _finite(values: npt.NDArray[Any]) -> Any:
    """Give real numbers as they are. Raises ValueError for others, and for those that are not finite."""
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise ValueError("numbers that are not real and finite")
    return values


def fit_detector(network: nn.Module, training: Loader, validation: Loader, seed: int) -> Detector | None:
    """Fit the distances to training samples as the network sees them, and the threshold to all validation samples.

    network: a chain of layers, as `build` makes it. training, validation: augmented alike, each as in the first epoch,
    for what the network has seen is what it can be expected to know. seed: of the training. None without validation
    samples, for then nothing says how far off an image of the classes may be.
    """
    if not len(validation.labels):
        return None
    with every_core():
        seen, labels = _joined(network, _first(training, seed))
        known, _ = _joined(network, validation.shuffled(rows_at_once(validation.images.shape[1:]), seed, 1))
    views = {name: fit_distance(seen[name], labels, SHRINKAGE[name]).calibrated(known[name]) for name in SHRINKAGE}
    scores = Detector(views, 0.0, 0.0, 0)(known)
    place = conformal_place(len(scores))
    threshold = float(np.sort(scores)[place - 1])
    return Detector(views, threshold, 1 - place / (len(scores) + 1), len(scores))


def conformal_place(samples: int, rate: float = FALSE_REJECTIONS) -> int:
    """Say which of so many scores, from 1 for the lowest, further ones exceed with a probability of at most `rate`.

    The highest where there are too few for that rate.

    >>> conformal_place(99), conformal_place(1_000), conformal_place(20)
    (99, 991, 20)
    """
    return min(samples, math.ceil((samples + 1) * (1 - rate)))


def fit_distance(features: Floats, labels: Integers, shrinkage: float) -> ClassDistance:
    """Fit distances to the classes of some samples; features: (n, d), labels: (n,)."""
    center, std = features.mean(0), features.std(0)
    scale = np.maximum(std, LEAST_STD * std.max()) if std.max() > 0 else np.ones_like(std)
    standardized = (features - center) / scale
    classes, places = np.unique(labels, return_inverse=True)
    means = np.stack([standardized[places == place].mean(0) for place in range(len(classes))])
    within = standardized - means[places]
    covariance = within.T @ within / len(within)
    size = max(float(np.trace(covariance)) / len(covariance), 1e-6)
    values, vectors = np.linalg.eigh((1 - shrinkage) * covariance + shrinkage * size * np.eye(len(covariance)))
    whitening = vectors / np.sqrt(np.maximum(values, 1e-9 * size))
    return ClassDistance(
        center.astype(np.float32),
        (whitening / scale[:, None]).astype(np.float32),
        (means @ whitening).astype(np.float32),
    )


def _first(training: Loader, seed: int) -> Iterator[tuple[Images, Integers]]:
    """Give the first SAMPLES of the first epoch."""
    count = 0
    for images, labels in training.shuffled(rows_at_once(training.images.shape[1:]), seed, 1):
        yield images, labels
        count += len(labels)
        if count >= SAMPLES:
            return


def _joined(network: nn.Module, batches: Iterator[tuple[Images, Integers]]) -> tuple[dict[str, Floats], Integers]:
    """Give the features of all batches, and their labels."""
    features, labels = zip(
        *((logits_and_features(network, images)[1], labels) for images, labels in batches), strict=True
    )
    joined = {name: np.concatenate([part[name] for part in features]) for name in SHRINKAGE}
    return joined, np.concatenate(labels)


def logits_and_features(network: nn.Module, images: Images) -> tuple[torch.Tensor, dict[str, Floats]]:
    """Give the logits, (n, classes), as `logits` does, and the features of a batch, in one pass.

    The network is in eval mode afterwards.
    """
    import torch
    from torch import nn

    network.eval()
    with torch.inference_mode():
        flow = last = pixels = inputs(images)
        for layer in network.to(device()).children():
            flow = layer(flow)
            last = flow if isinstance(layer, nn.ReLU) else last
        maps = last.flatten(2) if last.ndim == 4 else None
        seen = last if maps is None else torch.cat([maps.mean(2), maps.amax(2)], 1)
        views = {"network": seen, "image": _coarse(pixels)}
    return flow, {name: view.double().cpu().numpy() for name, view in views.items()}


def _coarse(pixels: torch.Tensor) -> torch.Tensor:
    """Give the brightness of (n, c, h, w) pixels in the cells of a grid, (n, GRID²), averaged over the channels."""
    from torch.nn import functional

    return functional.adaptive_avg_pool2d(pixels.mean(1, keepdim=True), GRID).flatten(1)
