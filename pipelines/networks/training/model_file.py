"""A trained network as a file: safetensors with the configuration as JSON in its metadata, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_data import storage
from mnist_data.parquet.seal import UNSEALED, sealed
from pipelines.networks.training.device import require_torch
from pipelines.settings.model_header import configuration_in, not_a_model, ordered, require_model, require_seal

if TYPE_CHECKING:
    from torch import nn


def save_model(model: nn.Module, path: str | Path, configuration: Mapping[str, Any]) -> None:
    """Write a network as safetensors, its configuration as JSON in the metadata.

    configuration: "name", "shape", "classes" and, where they are not the default ones, "widths", as `build` takes
    them, and whatever else JSON can hold. The file is written to a temporary one that is then moved, so that none is
    ever half written.
    """
    require_torch()
    from safetensors.torch import save

    # safetensors stores C order only; our convolutions are channels-last in memory.
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with storage.new_file(path) as draft:
        content = save(weights, {"configuration": json.dumps(configuration), "sha256": UNSEALED})
        draft.write_bytes(sealed(ordered(content)))


def load_model(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Read a network and its configuration as `save_model` wrote them, ready for predictions.

    Raises UnreadableInput where the file is damaged, or its tensors are not those of the network it names.
    """
    require_torch()
    import torch
    from safetensors import SafetensorError, safe_open

    require_model(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            configuration = configuration_in(str(path), metadata)
            with torch.device("meta"):  # shapes without memory: a wrong configuration costs nothing
                network = _network(str(path), configuration)
            _check_tensors(str(path), file, network)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
        require_seal(path, metadata, storage.read_bytes(path) or b"")
    except (SafetensorError, OSError) as error:
        raise not_a_model(path, str(error), "a model in the safetensors format") from error
    network.load_state_dict(weights, assign=True)
    return network.to(memory_format=torch.channels_last).eval(), configuration  # type: ignore[call-overload]


def _network(path: str, configuration: Mapping[str, Any]) -> nn.Module:
    """Build the network that a configuration describes, without weights."""
    from pipelines.networks.training.models import WIDTHS, build

    name, widths = configuration["name"], configuration.get("widths", WIDTHS[configuration["name"]])
    if len(widths) != len(WIDTHS[name]):
        raise not_a_model(
            path, f"its metadata has {len(widths)} widths of layers", f"the {len(WIDTHS[name])} of {name}"
        )
    return build(name, configuration["shape"], configuration["classes"], widths=widths)


def _check_tensors(path: str, file: Any, network: nn.Module) -> None:
    """Raise UnreadableInput where names, shapes or dtypes are not those of the network."""
    tensors, slices = network.state_dict(), {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
    stored = {name: f"{piece.get_shape()} {piece.get_dtype()}" for name, piece in slices.items()}
    expected = {
        name: f"{list(tensor.shape)} {'F32' if tensor.is_floating_point() else 'I64'}"  # as safetensors names them
        for name, tensor in tensors.items()
    }
    for name in sorted(expected.keys() | stored.keys()):
        if stored.get(name) != expected.get(name):
            raise not_a_model(
                path, f"tensor {name} is {stored.get(name, 'missing')}", expected.get(name, "no such tensor")
            )
