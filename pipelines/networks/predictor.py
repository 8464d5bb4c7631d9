"""Networks that predict together, read from their files: probabilities, and how far an image is out of distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Batch, Images
from mnist_data.errors import NoDataset
from mnist_data.images_in.stream import UNLABELLED
from pipelines.networks.data.as_trained import ready
from pipelines.networks.evaluation.out_of_distribution import (
    Detector,
    detector_file,
    load_detector,
    logits_and_features,
)
from pipelines.networks.evaluation.predictions import Probabilities, starts_of
from pipelines.networks.export.onnx_file import load_onnx
from pipelines.networks.training.device import every_core
from pipelines.networks.training.model_file import load_model

if TYPE_CHECKING:
    from torch import nn

Scores = npt.NDArray[np.float64]
"""(n,): above 0 an image is out of distribution; NaN where nothing is known of it."""


@dataclass(frozen=True)
class Predictor:
    """One or several networks that predict together, with what their file says of them.

    run: gives probabilities and scores, NaN where `detects` is not set. note: why they are not known. trained_on: of
    each network its file, and the content hash of the dataset that it was trained on, "" where the file does not say.
    """

    run: Callable[[Images], tuple[Probabilities, Scores]]
    configuration: Mapping[str, Any]
    detects: bool
    note: str = ""
    trained_on: tuple[tuple[Path, str], ...] = ()

    def accepted(self, images: Images) -> float | None:
        """Give the fraction of raw images that are in distribution; None where that is not known."""
        if not self.detects or not len(images):
            return None
        batch = Batch(np.arange(len(images)), np.full(len(images), UNLABELLED), images)
        return float((self.run(ready(self.configuration, batch, ()).images)[1] <= 0).mean())


def open_predictor(model: str | Path) -> Predictor:
    """Read a network, from an ONNX file without PyTorch; from a folder the ensemble of its networks."""
    if str(model).endswith(".onnx"):
        network, configuration = load_onnx(model)
        reason = "an ONNX file has no features to tell by; predict by its .safetensors file for that"
        return Predictor(lambda images: (network(images), _unknown(images)), configuration, False, _note(model, reason))
    files = model_files(model)
    models = [load_model(path) for path in files]
    detectors = [load_detector(path) for path in files]
    known = [detector for detector in detectors if detector is not None]
    detects = len(known) == len(models)
    missing = [file for file, detector in zip(files, detectors, strict=True) if detector is None]
    name = Path(detector_file((missing or files)[0])).name
    reason = f"{name}, which train writes by the validation samples, is missing"
    return Predictor(
        lambda images: _run([network for network, _ in models], known if detects else [], images),
        models[0][1],
        detects,
        "" if detects else _note(model, reason),
        tuple((path, _content(configuration)) for path, (_, configuration) in zip(files, models, strict=True)),
    )


def _content(configuration: Mapping[str, Any]) -> str:
    """Give the content hash of the dataset that a network was trained on; a pruned one does not say it."""
    content = (configuration.get("plan") or {}).get("input")
    return content if isinstance(content, str) else ""


def _note(model: str | Path, reason: str) -> str:
    return f"{model} cannot tell which images are of none of its classes: {reason}."


def _unknown(images: Images) -> Scores:
    return np.full(len(images), np.nan)


def _run(networks: Sequence[nn.Module], detectors: Sequence[Detector], images: Images) -> tuple[Probabilities, Scores]:
    """Give the means of the networks' probabilities and of their scores."""
    probabilities, scores = [], []
    with every_core():
        for place, network in enumerate(networks):
            starts = starts_of(images)
            parts = [logits_and_features(network, images[first : first + starts.step]) for first in starts]
            probabilities.append(np.concatenate([outputs.softmax(1).cpu().numpy() for outputs, _ in parts]))
            if detectors:
                scores.append(np.concatenate([detectors[place](features) for _, features in parts]))
    return np.mean(probabilities, axis=0), np.mean(scores, axis=0) if scores else _unknown(images)


def model_files(model: str | Path) -> list[Path]:
    """Give the files of a model: itself, or those in a folder that `train` has written."""
    if not Path(model).is_dir():
        return [Path(model)]
    paths = sorted(Path(model).glob("*.safetensors"))
    if not paths:
        raise NoDataset(str(model), "no .safetensors file lies in it", "a model, or a folder of them", "Train one.")
    return paths
