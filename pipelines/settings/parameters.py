"""The settings of every stage, in one place that costs nothing to import.

The same frozen dataclasses stand behind the flags of the command line, the tables of a TOML file and the
parameters recorded in Parquet metadata, so a name or a default cannot differ between them. Only the standard
library is imported here: `mnist-data --help` reads the defaults and must answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.storage import sha256_of
from pipelines.settings.recipe import Recipe, in_words, load_recipe, recipe_of

Layout = Literal["binary", "list", "pixels", "png"]
Compression = Literal["zstd", "lz4", "snappy", "gzip", "none"]
Action = Literal["keep", "repair", "remove"]
Scale = Literal["unit", "standardize", "none"]
SplitBy = Literal["writer", "label"]
DType = Literal["uint8", "float16", "float32"]
Model = Literal["mlp", "lenet5", "tiny", "small", "large"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["one-cycle", "cosine", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]
Freeze = Literal["none", "features"]

CORRUPTIONS = (
    "shot_noise",
    "impulse_noise",
    "glass_blur",
    "motion_blur",
    "shear",
    "scale",
    "rotate",
    "brightness",
    "translate",
    "stripe",
    "fog",
    "spatter",
    "dotted_line",
    "zigzag",
    "canny_edges",
)
"""The corruptions of MNIST-C, by its names. Their order numbers their random numbers: new ones go to the end."""

SEVERITIES = (1, 2, 3, 4, 5)


class Parameters:
    """What all settings fraction: a stage's name, and checks of choices and ranges."""

    stage: ClassVar[str]
    ranges: ClassVar[dict[str, tuple[float, float]]] = {}

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name in (one.name for one in fields(self)):  # type: ignore[arg-type]
            self._check(name, getattr(self, name), hints[name])

    def recorded(self) -> dict[str, Any]:
        """Give the parameters as they stand in the metadata."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]

    def _check(self, name: str, value: Any, hint: Any) -> None:
        choices = get_args(hint)
        if choices and all(isinstance(choice, str) for choice in choices) and value not in choices:
            raise WrongUse(f"{self.stage}.{name} is {value!r}; it can be {', '.join(choices)}.")
        kinds = get_args(hint) or (hint,)
        if Recipe in kinds and not isinstance(value, Recipe):
            raise WrongUse(f"{self.stage}.{name} is {value!r}; it must be a preset's name, a file, or a table.")
        if bool in kinds and not isinstance(value, kinds):
            raise WrongUse(f"{self.stage}.{name} is {value!r}; it can be true or false.")
        if int in kinds and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise WrongUse(f"{self.stage}.{name} is {value!r}; it must be a whole number.")
        if name in self.ranges and value is not None:
            low, high = self.ranges[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise WrongUse(f"{self.stage}.{name} is {value!r}; it must be a number from {low:g} to {high:g}.")


def settings_in_words(recorded: Mapping[str, Any]) -> str:
    """Write the parameters of a stage, as its metadata record them, in one line; of long tables how long they are."""

    def word(name: str, value: Any) -> str:
        if name == "recipe":
            return f"recipe ({in_words(value)})"
        return f"{name} {len(value)}" if isinstance(value, Mapping) else f"{name} {value}"

    return ", ".join(word(name, value) for name, value in recorded.items())


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
    transposed: Action = "keep"  # a judgement: it finds nine in ten, and one flag in twenty is wrong
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
class Split(Parameters):
    """Which training samples become the validation split."""

    stage: ClassVar[str] = "split"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"fraction": (0.01, 0.5), "seed": (0, 2**63 - 1)}

    by: SplitBy = "writer"
    fraction: float = 0.1
    seed: int = 0
    tables: Mapping[str, str] = field(default_factory=dict)  # label tables joined on the way: name -> SHA-256


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
    """How many copies of each sample are made, and what each may go through."""

    stage: ClassVar[str] = "augment"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"copies": (1, 10_000), "seed": (0, 2**63 - 1)}

    copies: int = 1
    seed: int = 0
    recipe: Recipe = field(default_factory=lambda: load_recipe("handwriting"))

    def recorded(self) -> dict[str, Any]:
        """Give the parameters as they stand in the metadata, the recipe as its table."""
        return {"copies": self.copies, "seed": self.seed, "recipe": self.recipe.table()}

    @staticmethod
    def of(recorded: Mapping[str, Any]) -> Augment:
        """Read back what `recorded` gave."""
        recipe = recipe_of(recorded["recipe"], "recipe")
        return Augment(int(recorded["copies"]), int(recorded["seed"]), recipe)


@dataclass(frozen=True)
class Corrupt(Parameters):
    """Which corruptions each sample of one split is shown under."""

    stage: ClassVar[str] = "corrupt"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"seed": (0, 2**63 - 1)}

    corruptions: tuple[str, ...] = CORRUPTIONS
    severities: tuple[int, ...] = SEVERITIES
    split: str | None = None  # None: "test" where there is one, else the only one
    seed: int = 0

    def __post_init__(self) -> None:
        for name, require in (("corruptions", require_corruption), ("severities", require_severity)):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)  # JSON, in which parameters are recorded, has lists only
            for value in values:
                require(value)
            if not values or len(set(values)) < len(values):
                raise WrongUse(f"corrupt.{name} is {list(values)}; it must name at least one, and each of them once.")
        super().__post_init__()

    def _check(self, name: str, value: Any, hint: Any) -> None:
        if name not in ("corruptions", "severities"):
            super()._check(name, value, hint)


def require_corruption(name: Any) -> None:
    """Raise WrongUse for a name that is no corruption's."""
    if name not in CORRUPTIONS:
        raise unknown_name("corruption", str(name), CORRUPTIONS)


def require_severity(number: Any) -> None:
    """Raise WrongUse for a number that is no severity."""
    if isinstance(number, bool) or number not in SEVERITIES:
        raise WrongUse(f"There is no severity {number!r}; it can be {', '.join(map(str, SEVERITIES))}.")


@dataclass(frozen=True)
class Stats(Parameters):
    """How finely the statistics are counted, and whether strokes are measured."""

    stage: ClassVar[str] = "stats"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"bins": (2, 65_536), "grid": (1, 100)}

    bins: int = 256
    grid: int = 12  # samples of each class in the sample grid
    morphometrics: bool = True


@dataclass(frozen=True)
class Drift(Parameters):
    """How two datasets are compared."""

    stage: ClassVar[str] = "drift"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "samples": (20, 1_000_000),
        "resamples": (20, 10_000),
        "seed": (0, 2**63 - 1),
    }

    samples: int = 10_000  # of each side at most, those of lowest id hash
    resamples: int = 200  # of the bootstrap, and as many shuffles for the floor
    seed: int = 0
    by_class: bool = False


@dataclass(frozen=True)
class Train(Parameters):
    """How networks are trained. The test split is no part of it."""

    stage: ClassVar[str] = "train"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "epochs": (1, 10_000),
        "batch_size": (2, 65_536),
        "learning_rate": (1e-9, 10),
        "weight_decay": (0, 1),
        "label_smoothing": (0, 0.9),
        "dropout": (0, 0.9),
        "ema_decay": (0, 0.99999),
        "patience": (1, 10_000),
        "validation_fraction": (0.01, 0.5),
        "seed": (0, 2**62),
        "seeds": (1, 1_000),
    }

    model: Model = "small"
    epochs: int | None = None  # None: 3, and for a small set as many as give about 600 steps
    batch_size: int = 64
    optimizer: Optimizer = "adamw"
    learning_rate: float = 0.01  # at its highest
    schedule: Schedule = "one-cycle"  # rises for a fifth of the way, and falls to 0 at the end
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    dropout: float = 0.0  # before the last layer
    ema_decay: float = 0.0  # the fraction of the weights' average that a step leaves; 0: the weights as they are
    recipe: Recipe = field(default_factory=Recipe)  # what each sample goes through, anew in each epoch
    precision: Precision = "auto"  # bfloat16 where the processor has it
    patience: int | None = None  # epochs without a better validation accuracy, after which training ends
    validation_fraction: float = 0.1
    seed: int = 0
    seeds: int = 1  # networks, each from a seed of its own: seed, seed + 1, …
    corruptions: bool = False  # score the finished model under each corruption and severity, too
    start: str | None = None  # a model's file to begin from; None draws the weights from the seed
    freeze: Freeze = "none"  # what stays as the start has it; "features": all but the last layer

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start is not None and not isinstance(self.start, str):
            raise WrongUse(f"train.start is {self.start!r}; it must be the path of a model.")
        if self.freeze != "none" and self.start is None:
            raise WrongUse(f"train.freeze is {self.freeze!r}, but no start is given: weights from a seed must learn.")

    def recorded(self) -> dict[str, Any]:
        """Give the parameters as they stand in the metadata: the recipe as its table, the start as its file's SHA-256.

        A training from nothing has neither start nor freeze.
        """
        recorded = {**super().recorded(), "recipe": self.recipe.table()}
        if self.start is None:
            return {name: value for name, value in recorded.items() if name not in ("start", "freeze")}
        return {**recorded, "start": sha256_of(Path(self.start))}


@dataclass(frozen=True)
class Audit(Parameters):
    """What the audit looks for, and how much of it is too much.

    thresholds: check -> value in the check's own unit, where samples are flagged; the others are found from the data.
    limits: check -> most samples that may be flagged: a count, or below 1 a fraction.
    """

    stage: ClassVar[str] = "audit"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"thumbnails": (1, 100), "seed": (0, 2**31 - 1)}

    labels: bool = True  # look for label errors too, which trains models
    thumbnails: int = 12  # of the worst samples of each check, kept for the page
    seed: int = 0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)

    def recorded(self) -> dict[str, Any]:
        """Give the parameters as they stand in the metadata."""
        return {**super().recorded(), "thresholds": dict(self.thresholds), "limits": dict(self.limits)}


@dataclass(frozen=True)
class Selftest(Parameters):
    """How many faults of each kind are planted, and which; faults: None for one sample in 200, 350 at most."""

    stage: ClassVar[str] = "selftest"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"faults": (1, 100_000), "seed": (0, 2**31 - 1)}

    faults: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Compress(Parameters):
    """How a trained network is made smaller. The test split is no part of it."""

    stage: ClassVar[str] = "compress"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "amount": (0.01, 0.99),
        "calibration": (1, 100_000),
        "epochs": (1, 10_000),
        "learning_rate": (1e-9, 10),
        "seed": (0, 2**31 - 1),
    }

    amount: float = 0.5  # the fraction of every layer's channels that is taken out
    calibration: int = 1_000  # training samples by which the ranges of activations are found
    epochs: int | None = None  # of the learning after it; None: 3, and for a small set more
    learning_rate: float = 0.003  # of it, at its highest
    seed: int = 0
