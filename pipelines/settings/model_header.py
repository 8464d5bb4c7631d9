"""What the file of a trained network says of it, read without its weights and without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from mnist_data import storage
from mnist_data.errors import MissingExtra, UnreadableInput
from mnist_data.parquet.former_names import rename_parameters
from mnist_data.parquet.records import convert_record, in_short, read_json
from mnist_data.parquet.seal import is_sealed

if TYPE_CHECKING:
    from mnist_data.parquet.records import Refuse

Model = Literal["mlp", "lenet5", "tiny", "small", "large"]
"""The networks that can be trained, by name."""

Size = Annotated[int, Meta(ge=1, le=65_536)]
"""A side, or a number of channels, classes or units: far beyond any here, and products of three fit 64 bits."""


@dataclass(frozen=True)
class _Header:
    """What is read of a network's configuration; all else in it is for people."""

    name: Model
    shape: Annotated[tuple[Size, ...], Meta(min_length=2, max_length=3)]
    classes: Size
    widths: tuple[Size, ...] | None = None
    class_names: tuple[str, ...] = ()
    dataset: str = ""
    dtype: Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"] = "uint8"
    stages: tuple[dict[str, Any], ...] = ()
    parameters: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    history: tuple[dict[str, float | None], ...] = ()
    best_epoch: Annotated[int, Meta(ge=0)] = 0


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
    """Read what `build` needs, and the rest, from the metadata of a model's file.

    Raises UnreadableInput, which names the field, for a configuration that is not as `train` writes it.
    """
    from mnist_data.parquet.schema import stage_of

    def refuse(found: str, expected: str) -> UnreadableInput:
        return not_a_model(path, f"its metadata hold {found}", expected)

    if "configuration" not in metadata:
        raise not_a_model(path, "its metadata describe no network of ours", "a network that mnist-data has written")
    values = read_json(metadata["configuration"], refuse)
    if not isinstance(values, dict):
        raise refuse("no object as the configuration", "one with a name, a shape and classes")
    known = {name: values[name] for name in _Header.__dataclass_fields__ if name in values}
    header = convert_record(known, _Header, refuse)
    for stage in header.stages:
        stage_of(stage, refuse)
    _require_layers(values, refuse)
    if header.parameters is not None:
        values["parameters"] = rename_parameters("train", header.parameters)
    return values


def _require_layers(values: Mapping[str, Any], refuse: Refuse) -> None:
    """Refuse a list of widths that is there and says nothing."""
    if "widths" in values and not values["widths"]:
        raise refuse(f"{values['widths']!r} as widths", "the widths of the layers, or no such field")


def require_model(path: str | Path) -> None:
    """Raise UnreadableInput where a path is no file that can be read."""
    if reason := storage.not_a_file(path):
        raise not_a_model(path, reason, "the file of a model")


def not_a_model(path: str | Path, found: str, expected: str) -> UnreadableInput:
    """Make the error that says what is wrong with a model's file."""
    return UnreadableInput(str(path), found, expected, "Train the model again, or fetch its file again.")


def ordered(content: bytes) -> bytes:
    """Bring the metadata of a safetensors file into the order of their names, in which it is written at random.

    The file begins with the length of its header, 8 bytes, and the header, JSON that ends with spaces at a multiple of
    8 bytes (https://github.com/huggingface/safetensors, section Format).
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def require_seal(path: str | Path, metadata: Mapping[str, str], content: bytes) -> None:
    """Refuse a model's file of which a byte is another than was written; those of 0.1.0 have no hash of themselves.

    metadata: of the file. content: all its bytes. Raises UnreadableInput.
    """
    recorded = metadata.get("sha256")
    if unknown := sorted(metadata.keys() - {"configuration", "sha256"}):
        raise not_a_model(path, f"its metadata hold a field {in_short(unknown[0])}", "a configuration and its hash")
    if recorded is not None and not is_sealed(content, recorded):
        raise not_a_model(path, "its bytes are not those that were written", f"the hash {recorded}, as it says itself")
