"""The settings of the stages that make a dataset of a dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from mnist_data.errors import WrongUse, unknown_name
from mnist_data.idx.names import ByteOrder
from pipelines.settings.base import Settings
from pipelines.settings.recipe import Recipe, load_recipe
from pipelines.settings.values import Seed, Text

Layout = Literal["binary", "list", "pixels", "png"]
Compression = Literal["zstd", "lz4", "none"]
Background = Literal["keep", "dark"]
Action = Literal["keep", "repair", "remove"]
Scale = Literal["unit", "standardize", "none"]
SplitBy = Literal["writer", "label"]
ExportForm = Literal["idx", "csv", "csv.gz", "npz", "folders"]
Viewer = Literal["fiftyone", "spotlight", "embedding-atlas", "huggingface"]
DType = Literal["uint8", "float16", "float32"]

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

DIGEST = re.compile("[0-9a-f]{64}")
"""A SHA-256 as metadata record it, in the place of the file's path."""


class Convert(Settings, frozen=True, kw_only=True):
    """How IDX becomes Parquet."""

    stage: ClassVar[str] = "convert"

    layout: Layout = "binary"
    compression: Compression = "zstd"
    row_group_rows: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    transpose: bool | None = None  # None: as the catalogue knows the dataset (EMNIST is stored transposed)
    first_label: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None  # None: as the catalogue knows it
    byte_order: ByteOrder = "big"  # of the values in the files; IDX has the most significant byte first
    size: str | None = None  # of an image, as in "28x28"; None: as the headers, or the pixels, say
    relabel: bool = False  # number the labels that occur from 0, whatever they are; their old ones name the classes
    skip_unreadable: bool = False  # leave out image files that cannot be read, instead of refusing all

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.relabel and self.first_label:
            raise WrongUse(
                f"convert.relabel numbers the labels from 0, and convert.first_label is {self.first_label}; "
                "leave out one of the two."
            )


class Clean(Settings, frozen=True, kw_only=True):
    """What is done with each kind of faulty sample."""

    stage: ClassVar[str] = "clean"

    not_finite: Action = "remove"
    blank: Action = "remove"
    constant: Action = "remove"
    inverted: Action = "keep"  # nothing is altered unless asked for
    background: Background = "keep"  # "dark": invert a dataset that has a bright background
    transposed: Action = "keep"  # a judgement: it finds nine in ten, and one flag in twenty is wrong
    label: Action = "remove"
    duplicate: Action = "remove"
    outlier_pixels: Action = "keep"
    allow_loss: bool = False  # go on where a split or a class loses more than half of its samples
    decisions: Text | None = None  # what people have decided: a table, or the dataset that it is about

    def recorded(self) -> dict[str, Any]:
        """Give the settings as JSON can hold them, the decisions, where there are any, as their hash."""
        recorded = super().recorded()
        if self.decisions is None:
            return {name: value for name, value in recorded.items() if name != "decisions"}
        if not DIGEST.fullmatch(self.decisions):
            from mnist_data.parquet.corrections import read_corrections

            recorded["decisions"] = read_corrections(self.decisions).digest
        return recorded

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("not_finite", "blank", "constant", "label", "duplicate"):
            if getattr(self, name) == "repair":
                raise WrongUse(
                    f"clean.{name} is 'repair', but there is nothing to repair it from; choose keep or remove."
                )


class Split(Settings, frozen=True, kw_only=True):
    """Which training samples become the validation split."""

    stage: ClassVar[str] = "split"

    by: SplitBy = "writer"
    fraction: Annotated[float, Meta(ge=0.01, le=0.5)] = 0.1
    seed: Seed = 0
    tables: Mapping[str, str] = msgspec.field(default_factory=dict)  # label tables joined: name -> SHA-256
    training_split: Text | None = None  # the split to divide; None: "train", or the only one if it is not held out

    def recorded(self) -> dict[str, Any]:
        """Give the settings as JSON can hold them; the split that is divided only where it was chosen."""
        recorded = super().recorded()
        return recorded if self.training_split else {k: v for k, v in recorded.items() if k != "training_split"}


class Normalize(Settings, frozen=True, kw_only=True):
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


class Augment(Settings, frozen=True, kw_only=True):
    """How many copies of each sample are made, and what each may go through."""

    stage: ClassVar[str] = "augment"

    copies: Annotated[int, Meta(ge=1, le=10_000)] = 1
    seed: Seed = 0
    recipe: Recipe = msgspec.field(default_factory=lambda: load_recipe("handwriting"))


class Corrupt(Settings, frozen=True, kw_only=True):
    """Which corruptions each sample of one split is shown under."""

    stage: ClassVar[str] = "corrupt"

    corruptions: tuple[str, ...] = CORRUPTIONS
    severities: tuple[int, ...] = SEVERITIES
    split: str | None = None  # None: "test" where there is one, else the only one
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, require in (("corruptions", require_corruption), ("severities", require_severity)):
            values = getattr(self, name)
            for value in values:
                require(value, f"corrupt.{name}")
            if not values or len(set(values)) < len(values):
                raise WrongUse(f"corrupt.{name} is {list(values)}; it must name at least one, and each of them once.")


def require_corruption(name: Any, origin: str = "") -> None:
    """Raise WrongUse for a name that is no corruption's. origin: where it stands, for the message."""
    if name not in CORRUPTIONS:
        raise unknown_name("corruption", str(name), CORRUPTIONS, origin)


def require_severity(number: Any, origin: str = "") -> None:
    """Raise WrongUse for a number that is no severity. origin: where it stands, for the message."""
    if isinstance(number, bool) or number not in SEVERITIES:
        there = f"{origin}: there" if origin else "There"
        raise WrongUse(f"{there} is no severity {number!r}; it can be {', '.join(map(str, SEVERITIES))}.")
