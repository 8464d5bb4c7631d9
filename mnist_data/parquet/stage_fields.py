"""What readers take from the record of a stage: the fields, their types, and what must fit together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from mnist_data.parquet.records import Refuse, convert_record

Side = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Label = Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)]


@dataclass(frozen=True)
class _ConvertParameters:
    transpose: bool | None = None
    first_label: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None


@dataclass(frozen=True)
class _Form:
    """How one split's files lay, as `mnist_data.idx.forms` records it."""

    stored: tuple[Side, ...] = ()
    axes: tuple[Side, ...] = ()
    labels: Literal["", "one-hot"] = ""


@dataclass(frozen=True)
class _ConvertFitted:
    forms: dict[str, _Form] = field(default_factory=dict)
    label_values: tuple[Label, ...] = ()


@dataclass(frozen=True)
class _NormalizeParameters:
    scale: Literal["unit", "standardize", "none"]
    dtype: Literal["uint8", "float16", "float32"]
    deskew: bool = False
    center: bool = False


@dataclass(frozen=True)
class _Scaling:
    """Statistics of the pixels of the training split, as `pipelines.images.scaling` has them."""

    count: Annotated[int, Meta(ge=0)]
    total: float
    squares: float
    minimum: float
    maximum: float


def require_fields(stage: str, parameters: Mapping[str, Any], fitted: Mapping[str, Any], refuse: Refuse) -> None:
    """Refuse the record of a stage whose fields are not those that are read of it. Raises what `refuse` makes."""

    def of_stage(found: str, expected: str) -> Exception:
        return refuse(f"{found} of the stage {stage!r}", expected)

    if stage == "convert":
        _part(parameters, _ConvertParameters, of_stage)
        _require_forms(_part(fitted, _ConvertFitted, of_stage), of_stage)
    elif stage == "normalize":
        scale = _part(parameters, _NormalizeParameters, of_stage).scale
        if fitted or scale == "standardize":
            _require_scaling(convert_record(dict(fitted), _Scaling, of_stage), of_stage)


def _part(values: Mapping[str, Any], kind: type[Any], refuse: Refuse) -> Any:
    """Convert those of the fields that are read; others are for people."""
    return convert_record({name: values[name] for name in kind.__dataclass_fields__ if name in values}, kind, refuse)


def _require_forms(fitted: _ConvertFitted, refuse: Refuse) -> None:
    for split, form in fitted.forms.items():
        if sorted(form.axes) != list(range(len(form.stored))):
            raise refuse(f"{list(form.axes)} as forms.{split}.axes", f"the {len(form.stored)} axes of 'stored'")


def _require_scaling(scaling: _Scaling, refuse: Refuse) -> None:
    if scaling.count and not all(
        map(math.isfinite, (scaling.total, scaling.squares, scaling.minimum, scaling.maximum))
    ):
        raise refuse("a number that is not finite", "sums of pixel values")
