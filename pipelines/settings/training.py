"""The settings of training and of making networks smaller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from msgspec import Meta

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.storage import sha256_of
from pipelines.settings.base import Settings
from pipelines.settings.model_header import Model, read_configuration
from pipelines.settings.recipe import Recipe

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["one-cycle", "cosine", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]
Freeze = Literal["none", "features"]

Epochs = Annotated[int, Meta(ge=1, le=10_000)]

TRAIN_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "standard": {},
    "fast": {"model": "lenet5", "epochs": 2, "batch_size": 128},
    "thorough": {"epochs": 20, "batch_size": 128, "ema_decay": 0.998, "recipe": "mild"},
}
"""Settings of a training by name; what is given next to a preset overrides it."""

_DIGEST = re.compile("[0-9a-f]{64}")


class Train(Settings, frozen=True, kw_only=True):
    """How networks are trained. The test split is no part of it."""

    stage: ClassVar[str] = "train"

    model: Model = "small"
    epochs: Epochs | None = None  # None: 3, and for a small set as many as give about 600 steps
    batch_size: Annotated[int, Meta(ge=2, le=65_536)] = 64
    optimizer: Optimizer = "adamw"
    learning_rate: Annotated[float, Meta(ge=1e-9, le=10)] = 0.01  # at its highest
    schedule: Schedule = "one-cycle"  # rises for a fifth of the way, and falls to 0 at the end
    weight_decay: Annotated[float, Meta(ge=0, le=1)] = 0.01
    label_smoothing: Annotated[float, Meta(ge=0, le=0.9)] = 0.05
    dropout: Annotated[float, Meta(ge=0, le=0.9)] = 0.0  # before the last layer
    ema_decay: Annotated[float, Meta(ge=0, le=0.99999)] = (
        0.0  # the fraction of the weights' average that a step leaves; 0: no average
    )
    recipe: Recipe = msgspec.field(default_factory=Recipe)  # what each sample goes through, anew in each epoch
    precision: Precision = "auto"  # bfloat16 where the processor has it
    patience: Annotated[int, Meta(ge=1, le=10_000)] | None = None  # epochs without a better validation, then it ends
    validation_fraction: Annotated[float, Meta(ge=0.01, le=0.5)] = 0.1
    seed: Annotated[int, Meta(ge=0, le=2**62)] = 0
    seeds: Annotated[int, Meta(ge=1, le=1_000)] = 1  # networks, each from a seed of its own: seed, seed + 1, …
    corruptions: bool = False  # score the finished model under each corruption and severity, too
    start: str | None = None  # a model's file to begin from; None draws the weights from the seed
    freeze: Freeze = "none"  # what stays as the start has it; "features": all but the last layer

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.freeze != "none" and self.start is None:
            raise WrongUse(f"train.freeze is {self.freeze!r}, but no start is given: weights from a seed must learn.")

    @classmethod
    def from_table(cls, values: Mapping[str, Any], origin: str = "") -> Self:
        """Make settings of names and values; `preset` names one of TRAIN_PRESETS, which the others override.

        Where there is a start, the model is what its file says. Raises what `Settings.from_table` raises, and
        UnreadableInput for a start that is no model.
        """
        if not isinstance(values, Mapping) or not {"preset", "start"} & values.keys():
            return super().from_table(values, origin)
        given = dict(values)
        preset = given.pop("preset", "standard")
        if not isinstance(preset, str) or preset not in TRAIN_PRESETS:
            raise unknown_name("preset", str(preset), TRAIN_PRESETS, origin)
        if "model" not in given and isinstance(given.get("start"), str):
            given["model"] = read_configuration(given["start"])["name"]
        return super().from_table({**TRAIN_PRESETS[preset], **given}, origin)

    def recorded(self) -> dict[str, Any]:
        """Give the settings as JSON can hold them, the start as its file's SHA-256.

        A training from nothing has neither start nor freeze.
        """
        recorded = super().recorded()
        if self.start is None:
            return {name: value for name, value in recorded.items() if name not in ("start", "freeze")}
        digest = self.start if _DIGEST.fullmatch(self.start) else sha256_of(Path(self.start))
        return {**recorded, "start": digest}


def train_settings(values: Mapping[str, Any], preset: str = "standard") -> Train:
    """Make the settings of a training from a preset and what is given next to it, as `Train.from_table` does."""
    return Train.from_table({**values, "preset": preset})


class Compress(Settings, frozen=True, kw_only=True):
    """How a trained network is made smaller. The test split is no part of it."""

    stage: ClassVar[str] = "compress"

    amount: Annotated[float, Meta(ge=0.01, le=0.99)] = 0.5  # the fraction of every layer's channels that is taken out
    calibration: Annotated[int, Meta(ge=1, le=100_000)] = 1_000  # training samples for the ranges of activations
    epochs: Epochs | None = None  # of the training after it; None: 3, and for a small set more
    learning_rate: Annotated[float, Meta(ge=1e-9, le=10)] = 0.003  # of it, at its highest
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
