"""The settings of a training by name, and what is given on top of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mnist_data.errors import unknown_name
from pipelines.settings.model_header import read_configuration
from pipelines.settings.parameters import Train
from pipelines.settings.recipe import load_recipe

TRAIN_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "standard": {},
    "fast": {"model": "lenet5", "epochs": 2, "batch_size": 128},
    "thorough": {"epochs": 20, "batch_size": 128, "ema_decay": 0.998, "recipe": "mild"},
}
"""Settings of a training by name; what is given beside them stands over them."""


def train_settings(values: Mapping[str, Any], preset: str = "standard") -> Train:
    """Make the settings of a training from a preset and what is given beside it.

    values: name -> value; a recipe may be a preset's name or a file. Where there is a start, the model is what its file
    says. Raises WrongUse for an unknown preset, and for what Train refuses; UnreadableInput for a start that is no
    model.
    """
    if preset not in TRAIN_PRESETS:
        raise unknown_name("preset", preset, TRAIN_PRESETS)
    merged = {**TRAIN_PRESETS[preset], **values}
    if isinstance(merged.get("recipe"), str):
        merged["recipe"] = load_recipe(merged["recipe"])
    if isinstance(merged.get("start"), str) and "model" not in values:
        merged["model"] = read_configuration(merged["start"])["name"]
    return Train(**merged)
