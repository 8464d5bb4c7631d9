"""Structured pruning: the least important channels are removed, together with the next layer's weights for them.

The result is a smaller network of the same kind, not one with zeros in it, so it is faster everywhere. It has to be
trained further afterwards: see `pipelines.networks.compress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    Channels = list[torch.Tensor]
    """For each layer with weights but the last: the indices of the channels kept, ascending, (kept,) int64."""


def prune(network: nn.Module, configuration: Mapping[str, Any], amount: float) -> tuple[nn.Module, dict[str, Any]]:
    """Remove the fraction `amount` of the channels of every layer but the last; each keeps at least one.

    After a convolution with a batch norm the channels with the smallest scale of the norm are removed (Liu et al. 2017,
    arXiv:1708.06519), in any other layer those with the smallest sum of absolute weights (Li et al. 2017,
    arXiv:1608.08710). Gives the smaller network, and its configuration with "widths", the channels left in each layer.
    """
    import torch

    from pipelines.networks.training.models import build

    kept = _kept_channels(network, amount)
    described = {**configuration, "widths": [len(channels) for channels in kept]}
    smaller = build(described["name"], described["shape"], described["classes"], widths=described["widths"])
    with torch.no_grad():
        _copy_weights(network, smaller, kept)
    return smaller.eval(), described


def _kept_channels(network: nn.Module, amount: float) -> Channels:
    """Choose the channels to keep."""
    from torch import nn

    kept = []
    for layer, after in pairwise(network.children()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            sums = layer.weight.abs().flatten(1).sum(1)
            importance = after.weight.abs() if isinstance(after, nn.BatchNorm2d) else sums
            stay = max(1, round((1 - amount) * len(importance)))
            kept.append(importance.topk(stay).indices.sort().values)
    return kept


def _copy_weights(network: nn.Module, smaller: nn.Module, kept: Channels) -> None:
    """Copy the weights of the kept channels, layer by layer."""
    from torch import nn

    remaining = iter(kept)
    outgoing: torch.Tensor | None = None  # the kept channels of the previous layer
    before = 0  # its former number of channels
    for layer, target in zip(network.children(), smaller.children(), strict=True):
        tensors = dict(layer.state_dict())
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if outgoing is not None:
                tensors["weight"] = _columns(tensors["weight"], outgoing, before)
            before, outgoing = len(tensors["weight"]), next(remaining, None)
        if outgoing is not None:
            tensors = {name: tensor[outgoing] if tensor.ndim else tensor for name, tensor in tensors.items()}
        target.load_state_dict(tensors)


def _columns(weight: torch.Tensor, channels: torch.Tensor, before: int) -> torch.Tensor:
    """Select the inputs of the given channels; a flattened image has several contiguous inputs per channel."""
    by_channel = weight.reshape(len(weight), before, -1, *weight.shape[2:])
    return by_channel[:, channels].flatten(1, 2)
