"""The settings of every stage, in one place that costs nothing to import.

The same frozen dataclasses stand behind the flags of the command line, the tables of a TOML file and the
parameters recorded in Parquet metadata, so a name or a default cannot differ between them. Only the standard
library is imported here: `mnist-data --help` reads the defaults and must answer at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from mnist_data.errors import WrongUse

Layout = Literal["binary", "list", "pixels", "png"]
Compression = Literal["zstd", "lz4", "snappy", "gzip", "none"]
Action = Literal["keep", "repair", "remove"]
Scale = Literal["unit", "standardize", "none"]
DType = Literal["uint8", "float16", "float32"]
Model = Literal["cnn", "mlp"]


class Parameters:
    """What all settings share: a stage's name, and checks of choices and ranges."""

    stage: ClassVar[str]
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name in (field.name for field in fields(self)):  # type: ignore[arg-type]
            self._check(name, getattr(self, name), hints[name])

    def _check(self, name: str, value: Any, hint: Any) -> None:
        choices = get_args(hint)
        if choices and all(isinstance(choice, str) for choice in choices) and value not in choices:
            raise WrongUse(f"{self.stage}.{name} is {value!r}; it can be {', '.join(choices)}.")
        kinds = get_args(hint) or (hint,)
        if bool in kinds and not isinstance(value, kinds):
            raise WrongUse(f"{self.stage}.{name} is {value!r}; it can be true or false.")
        if int in kinds and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise WrongUse(f"{self.stage}.{name} is {value!r}; it must be a whole number.")
        if name in self.ranges and value is not None:
            low, high = self.ranges[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise WrongUse(f"{self.stage}.{name} is {value!r}; it must be a number from {low:g} to {high:g}.")


@dataclass(frozen=True)
class Convert(Parameters):
    """How IDX becomes Parquet."""

    stage: ClassVar[str] = "convert"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "row_group_rows": (1, 10_000_000),
        "first_label": (-(2**31), 2**31 - 1),
    }

    layout: Layout = "binary"
    compression: Compression = "zstd"
    row_group_rows: int = 10_000
    transpose: bool | None = None  # None: as the catalogue knows the dataset (EMNIST is stored transposed)
    first_label: int | None = None  # None: as the catalogue knows it (EMNIST letters begin at 1)


@dataclass(frozen=True)
class Clean(Parameters):
    """What is done with each kind of faulty sample."""

    stage: ClassVar[str] = "clean"

    not_finite: Action = "remove"
    blank: Action = "remove"
    constant: Action = "remove"
    inverted: Action = "repair"
    transposed: Action = "keep"  # the rule finds about seven in ten, and is wrong for one sample in two thousand
    label: Action = "remove"
    duplicate: Action = "remove"
    outlier_pixels: Action = "keep"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("not_finite", "blank", "constant", "label", "duplicate"):
            if getattr(self, name) == "repair":
                raise WrongUse(
                    f"clean.{name} is 'repair', but there is nothing to repair it from; choose keep or remove."
                )


@dataclass(frozen=True)
class Normalize(Parameters):
    """How pixel values are scaled and digits are set upright and in the middle."""

    stage: ClassVar[str] = "normalize"

    scale: Scale = "unit"
    deskew: bool = False
    center: bool = False
    dtype: DType = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale == "standardize" and self.dtype == "uint8":
            raise WrongUse(
                "normalize.dtype is 'uint8', which cannot hold standardized values; choose float16 or float32."
            )


@dataclass(frozen=True)
class Augment(Parameters):
    """How many copies of each sample are made, and how far they may stray from it.

    Each amount is the largest: a copy draws uniformly from -amount to +amount.
    """

    stage: ClassVar[str] = "augment"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "copies": (1, 10_000),
        "seed": (0, 2**63 - 1),
        "rotation": (0, 180),
        "shift": (0, 1),
        "scale": (0, 0.9),
        "shear": (0, 1),
        "elastic": (0, 1000),
        "elastic_sigma": (0.5, 32),
    }

    copies: int = 1
    seed: int = 0
    rotation: float = 10.0  # degrees
    shift: float = 0.1  # share of the image's width and height
    scale: float = 0.1  # 0.1: from 0.9 to 1.1 times the size
    shear: float = 0.1  # pixels to the side for each pixel of height
    elastic: float = 20.0  # Simard's alpha; 0 leaves the field out
    elastic_sigma: float = 4.0  # Simard's sigma, pixels


@dataclass(frozen=True)
class Stats(Parameters):
    """How finely the statistics are counted, and whether strokes are measured."""

    stage: ClassVar[str] = "stats"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"bins": (2, 65_536), "wall": (1, 100)}

    bins: int = 256
    wall: int = 12  # pictures of each class kept for the sample wall
    morphometrics: bool = True


@dataclass(frozen=True)
class Train(Parameters):
    """How the network is trained. The test split is no part of it."""

    stage: ClassVar[str] = "train"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "epochs": (1, 10_000),
        "batch_size": (2, 65_536),
        "learning_rate": (1e-9, 10),
        "weight_decay": (0, 1),
        "label_smoothing": (0, 0.9),
        "validation_share": (0.01, 0.5),
        "seed": (0, 2**63 - 1),
    }

    model: Model = "cnn"
    epochs: int | None = None  # None: 3, and for a small set as many as give about 1,500 steps
    batch_size: int = 64
    learning_rate: float = 0.01  # at its highest, a fifth of the way; it falls to 0 at the end
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    validation_share: float = 0.1
    seed: int = 0
