"""Transfer learning: training that begins from a saved network, on other data than it was trained on."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mnist_data import storage
from mnist_data.errors import WrongUse
from mnist_data.parquet.schema import Metadata, stage_of
from pipelines.networks.training.device import seeded
from pipelines.networks.training.model_file import load_model
from pipelines.settings.training import Train

BOUND = ("mlp", "lenet5")
"""Networks whose weights belong to positions in the image, so that they take images of one size only."""


class FrozenNorm(nn.BatchNorm2d):
    """A batch norm that keeps its running statistics, also while the network is being trained."""

    def train(self, mode: bool = True) -> FrozenNorm:  # noqa: ARG002  (it stays in eval mode)
        """Stay in eval mode."""
        super().train(False)
        return self


@dataclass(frozen=True)
class StartNetwork:
    """A saved network, adapted to a dataset. classes: of the dataset; new_layer: the last layer is initialized anew.

    trained_on: the dataset that it was trained on. digest: SHA-256 of its file. layers: what its configuration says of
    them besides its name: for a pruned network their widths.
    """

    saved: nn.Sequential
    classes: int
    new_layer: bool
    trained_on: str
    digest: str
    freeze: bool
    dropout: float
    layers: Mapping[str, Any]

    def network(self, seed: int) -> nn.Sequential:
        """Give the network that a training begins with; only a new last layer depends on the seed."""
        network = copy.deepcopy(self.saved)
        last = network[-1]
        assert isinstance(last, nn.Linear)
        if self.new_layer:
            with seeded(seed):
                network[-1] = nn.Linear(last.in_features, self.classes)
        for place, layer in enumerate(list(network)[:-1]):
            if isinstance(layer, nn.Dropout):
                layer.p = self.dropout
            if self.freeze:
                network[place] = frozen(layer)
        return network

    def recorded(self) -> dict[str, str]:
        """Give what the new model's file records of it."""
        return {"sha256": self.digest, "dataset": self.trained_on, "last_layer": "new" if self.new_layer else "kept"}


def frozen(layer: nn.Module) -> nn.Module:
    """Give the layer so that training changes neither its weights nor its statistics."""
    if isinstance(layer, nn.BatchNorm2d):
        norm = FrozenNorm(layer.num_features)
        norm.load_state_dict(layer.state_dict())
        layer = norm
    return layer.requires_grad_(False)


def read_start(params: Train, metadata: Metadata, classes: int) -> StartNetwork | None:
    """Read the network that `params.start` names, None where it names none.

    Images are not resampled: all convolutional networks except lenet5 take any size. The last layer is initialized anew
    unless the network's classes have the same names.
    Raises UnreadableInput for what is no model, WrongUse where it is another network than `params.model`, or its images
    had another number of channels, another range of pixels, or, for mlp and lenet5, another size.
    """
    if params.start is None:
        return None
    network, known = load_model(params.start)
    assert isinstance(network, nn.Sequential)
    if known["name"] != params.model:
        raise WrongUse(f"{params.start} is {known['name']}, and train.model is {params.model!r}; leave model out.")
    _require_shape(params.start, known, metadata.shape)
    _require_range(params.start, known, metadata)
    same = known["classes"] == classes and list(known.get("class_names", ())) == list(metadata.classes)
    digest, trained_on = storage.sha256_of(Path(params.start)), str(known.get("dataset", "unknown"))
    layers = {"widths": known["widths"]} if "widths" in known else {}
    return StartNetwork(
        network, classes, not same, trained_on, digest, params.freeze == "features", params.dropout, layers
    )


def _require_shape(path: str, known: Mapping[str, Any], shape: Sequence[int]) -> None:
    (height, width, channels), (*size, depth) = (*known["shape"], 1)[:3], (*shape, 1)[:3]
    if depth != channels:
        raise WrongUse(
            f"{path} was trained on images of {_channels(channels)}, and these have {depth}; the numbers must agree."
        )
    if known["name"] in BOUND and size != [height, width]:
        raise WrongUse(
            f"{path} is {known['name']}, which takes only images of the size it was trained on, {height}×{width}; "
            f"these are {'×'.join(map(str, size))}. Start from tiny, small or large, which take any."
        )


def _channels(number: int) -> str:
    return "1 channel" if number == 1 else f"{number} channels"


def _require_range(path: str, known: Mapping[str, Any], metadata: Metadata) -> None:
    """Raise WrongUse for pixels of another range, as 0 … 1 instead of standardized values."""
    before = _range_of(
        known.get("dtype", "uint8"),
        [(stage.stage, stage.parameters) for stage in map(stage_of, known.get("stages", ()))],
    )
    now = _range_of(metadata.dtype, [(stage.stage, stage.parameters) for stage in metadata.stages])
    if before != now:
        raise WrongUse(
            f"{path} was trained on pixels {before}, and these are {now}; normalize them with mnist-data normalize as "
            "its training data was."
        )


def _range_of(dtype: str, stages: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Say how pixels reach the network; bytes do so divided by 255."""
    scales = [parameters.get("scale") for stage, parameters in stages if stage == "normalize"]
    if "standardize" in scales:
        return "standardized"
    return "from 0 to 1" if dtype == "uint8" or "unit" in scales else "as they were stored"
