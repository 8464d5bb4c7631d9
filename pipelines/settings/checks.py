"""The checks of the audit by name, and what a threshold of each can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Annotated, Any

from msgspec import Meta

from pipelines.settings.values import Positive

UpToOne = Annotated[float, Meta(gt=0, le=1)]
Distance = Annotated[float, Meta(gt=0, lt=1)]
AtLeastOne = Annotated[float, Meta(ge=1)]

SPREADS = "robust spreads of its class"


@dataclass(frozen=True)
class Threshold:
    """What a sample, or of class_imbalance a class, is compared with; it is flagged from there on.

    default: NaN where the data set it. kind: the type that it must have. unit: in words.
    """

    default: float
    kind: Any
    unit: str


THRESHOLDS: Mapping[str, Threshold] = {
    "not_finite": Threshold(1.0, Positive, "pixels"),
    "blank": Threshold(0.95, UpToOne, "1 - range of the values / usual range"),
    "constant": Threshold(0.95, UpToOne, "1 - range of the values / usual range"),
    "inverted": Threshold(6.9, Positive, "log odds"),
    "cropped": Threshold(1.0, Positive, "pixels along one side of the frame"),
    "off_centre": Threshold(8.0, Positive, SPREADS),
    "noisy": Threshold(8.0, Positive, SPREADS),
    "blurred": Threshold(5.0, Positive, SPREADS),
    "low_ink": Threshold(4.0, Positive, SPREADS),
    "over_inked": Threshold(3.0, Positive, SPREADS),
    "transposed": Threshold(nan, Positive, "log odds"),
    "near_duplicate": Threshold(nan, Distance, "part of the ink that differs"),
    "class_imbalance": Threshold(10.0, AtLeastOne, "times rarer than an equal share"),
}
"""The checks whose threshold can be set: equal pixels need none, and confident learning finds its own."""

CHECKS = (
    "not_finite",
    "blank",
    "constant",
    "inverted",
    "cropped",
    "off_centre",
    "noisy",
    "blurred",
    "low_ink",
    "over_inked",
    "transposed",
    "label",
    "exact_duplicate",
    "near_duplicate",
    "label_conflict",
    "leaked",
    "label_error",
    "class_imbalance",
)
"""All checks, in the order of the tables."""

Limit = Annotated[
    Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, lt=1)],
    Meta(description="a whole number of samples, or a fraction below 1"),
]
"""How many samples of a dataset a check may flag."""
