"""What parameters, columns and tables were called by former versions, whose files are read as if written today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

STAGES: Mapping[str, str] = {"provenance": "label_tables"}
"""Stage in 0.1.0 -> its name today."""

PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "split": {"share": "fraction"},
    "stats": {"wall": "grid"},
    "train": {"averaging": "ema_decay", "validation_share": "validation_fraction"},
    "audit": {"bars": "thresholds", "pictures": "thumbnails"},
    "selftest": {"count": "faults"},
}
"""Stage -> name in 0.1.0 -> name today."""

FITTED: Mapping[str, str] = {"normalize": "learnt"}
"""Stage -> the parameter under which 0.1.0 recorded what was fitted, which is no parameter and stands apart today."""

GONE: Mapping[str, tuple[str, ...]] = {"audit": ("limits",)}
"""Stage -> parameters of 0.1.0 that no longer are any: limits fail a call, and change nothing in its tables."""

COLUMNS: Mapping[str, str] = {
    "bar": "threshold",
    "deviation": "std",
    "floor": "null_95",
    "ground_logit": "background_logit",
    "nonzero_share": "nonzero_fraction",
    "share": "fraction",
    "yardstick": "reference",
    "zero_share": "zero_fraction",
}
"""Column of a table in 0.1.0 -> its name today."""

VALUES: Mapping[str, Mapping[str, str]] = {
    "chosen": {
        "surest": "most confident",
        "surest right": "most confident correct",
        "surest wrong": "most confident error",
    },
    "feature": {"deviation": "std"},
    "other": {"deviation": "std"},
    "verdict": {"not decidable": "undecided"},
}
"""Column of names, as it is called today -> a name in it in 0.1.0 -> its name today."""

TABLES: Mapping[str, str] = {
    "audit_pictures": "audit_thumbnails",
    "drift_pictures": "drift_means",
    "wall": "sample_grid",
}
"""Table in 0.1.0 -> its name today."""


def rename_parameters(stage: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Give the recorded parameters of a stage under the names of today, without those that are none any more."""
    names, gone = PARAMETERS.get(stage, {}), (FITTED.get(stage), *GONE.get(stage, ()))
    return {names.get(name, name): value for name, value in parameters.items() if name not in gone}


def fitted_in(stage: str, parameters: Mapping[str, Any]) -> Any:
    """Give what was fitted, where a former version recorded it among the parameters; else an empty dict."""
    return parameters.get(FITTED.get(stage, ""), {})


def renamed_columns(columns: Iterable[str]) -> dict[str, str]:
    """Say which columns of a table have another name today; none where both stand in it."""
    names = set(columns)
    return {old: new for old, new in COLUMNS.items() if old in names and new not in names}
