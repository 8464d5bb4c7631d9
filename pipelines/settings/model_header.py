"""What the file of a trained network says of it, read without its weights and without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from mnist_data import storage
from mnist_data.errors import MissingExtra, UnreadableInput
from mnist_data.parquet.former_names import rename_parameters

Model = Literal["mlp", "lenet5", "tiny", "small", "large"]
"""The networks that can be trained, by name."""


def read_configuration(path: str | Path) -> dict[str, Any]:
    """Read a network's configuration without its weights. Raises UnreadableInput where the file is no model."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as cause:
        raise MissingExtra("safetensors", "train", "Reading a model") from cause

    require_model(path)
    try:
        with safe_open(path, framework="np") as file:
            return configuration_in(str(path), file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise not_a_model(path, str(error), "a model in the safetensors format") from error


def configuration_in(path: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Read what `build` needs, and the rest, from the metadata of a model's file."""
    try:
        values = json.loads(metadata.get("configuration", "null"))
        shape, widths = values["shape"], values.get("widths", [])
        sizes = [values["classes"], *shape, *widths]
        known = values["name"] in get_args(Model) and len(shape) in (2, 3)
        # 65,536 is far beyond any image here, and keeps products of three within 64 bits.
        if known and all(type(size) is int and 1 <= size <= 65_536 for size in sizes):
            if "parameters" in values:
                values["parameters"] = rename_parameters("train", values["parameters"])
            return dict(values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise not_a_model(path, "its metadata describes no network of ours", "a name, a shape and classes")


def require_model(path: str | Path) -> None:
    """Raise UnreadableInput where a path is no file that can be read."""
    if reason := storage.not_a_file(path):
        raise not_a_model(path, reason, "the file of a model")


def not_a_model(path: str | Path, found: str, expected: str) -> UnreadableInput:
    """Make the error that says what is wrong with a model's file."""
    return UnreadableInput(str(path), found, expected, "Train the model again, or fetch its file again.")
