"""A trained network as a file: safetensors with the configuration as JSON in its metadata, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from pipelines.parameters import Model
from pipelines.training.device import require_torch

if TYPE_CHECKING:
    from torch import nn


def save_model(model: nn.Module, path: str | Path, configuration: Mapping[str, Any]) -> None:
    """Write a network as safetensors, its configuration as JSON in the metadata.

    configuration: "name", "shape" and "classes" as `build` takes them, and whatever else JSON can hold.
    The file is written beside and then moved, so that none is ever half written.
    """
    require_torch()
    from safetensors.torch import save

    # safetensors holds rows in C order only; our convolutions lie channels-last.
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with storage.new_file(path) as draft:
        draft.write_bytes(save(weights, {"configuration": json.dumps(configuration)}))


def load_model(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Read a network and its configuration as `save_model` wrote them, ready for predictions.

    Raises UnreadableInput where the file is damaged, or its tensors are not those of the network it names.
    """
    require_torch()
    import torch
    from safetensors import SafetensorError, safe_open

    from pipelines.training.models import build

    try:
        with safe_open(path, framework="pt") as file:
            configuration = _configuration(str(path), file.metadata() or {})
            with torch.device("meta"):  # shapes without memory: a false configuration costs nothing
                network = build(configuration["name"], configuration["shape"], configuration["classes"])
            _check_tensors(str(path), file, network)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (SafetensorError, OSError) as error:
        raise _not_a_model(path, str(error), "a model in the safetensors format") from error
    network.load_state_dict(weights, assign=True)
    return network.to(memory_format=torch.channels_last).eval(), configuration  # type: ignore[call-overload]


def read_configuration(path: str | Path) -> dict[str, Any]:
    """Read a network's configuration without its weights. Raises UnreadableInput where the file is no model."""
    require_torch()
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return _configuration(str(path), file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise _not_a_model(path, str(error), "a model in the safetensors format") from error


def _configuration(path: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Read what `build` needs, and the rest, from the metadata of a model's file."""
    try:
        found = json.loads(metadata.get("configuration", "null"))
        sizes = [found["classes"], *found["shape"]]
        known = found["name"] in get_args(Model) and len(sizes) in (3, 4)
        # 65,536 is far beyond any image here, and keeps products of three within 64 bits.
        if known and all(type(size) is int and 1 <= size <= 65_536 for size in sizes):
            return dict(found)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise _not_a_model(path, "its metadata describes no network of ours", "a name, a shape and classes")


def _check_tensors(path: str, file: Any, network: nn.Module) -> None:
    """Refuse names, shapes and kinds of number other than those the network has."""
    tensors, slices = network.state_dict(), {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
    found = {name: f"{piece.get_shape()} {piece.get_dtype()}" for name, piece in slices.items()}
    expected = {
        name: f"{list(tensor.shape)} {'F32' if tensor.is_floating_point() else 'I64'}"  # as safetensors says it
        for name, tensor in tensors.items()
    }
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            raise _not_a_model(
                path, f"tensor {name} is {found.get(name, 'missing')}", expected.get(name, "no such tensor")
            )


def _not_a_model(path: str | Path, found: str, expected: str) -> UnreadableInput:
    return UnreadableInput(str(path), found, expected, "Train the model again, or fetch its file again.")
