"""A network with fewer channels: those that weigh least are taken out, and with them what the next layer made of them.

The result is a smaller network of the same kind, not one with zeros in it, so it is faster wherever it runs. It has to
learn for a while afterwards: see `pipelines.networks.compress`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    Channels = list[torch.Tensor]
    """Of each layer with weights but the last the numbers of its channels that stay, ascending, (kept,) int64 each."""


def prune(network: nn.Module, configuration: Mapping[str, Any], amount: float) -> tuple[nn.Module, dict[str, Any]]:
    """Take the fraction `amount` of the channels out of every layer but the last; at least one stays in each.

    Of a convolution with a batch norm those go whose norm has the smallest scale (Liu et al. 2017, arXiv:1708.06519),
    of any other layer those with the smallest sum of absolute weights (Li et al. 2017, arXiv:1608.08710). Gives the
    smaller network, and its configuration with "widths", the channels that each layer has left.
    """
    import torch

    from pipelines.networks.training.models import build

    kept = _kept_channels(network, amount)
    smaller = {**configuration, "widths": [len(channels) for channels in kept]}
    made = build(smaller["name"], smaller["shape"], smaller["classes"], widths=smaller["widths"])
    with torch.no_grad():
        _move_weights(network, made, kept)
    return made.eval(), smaller


def _kept_channels(network: nn.Module, amount: float) -> Channels:
    """Choose the channels that stay."""
    from torch import nn

    kept = []
    for layer, after in pairwise(network.children()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            sums = layer.weight.abs().flatten(1).sum(1)
            importance = after.weight.abs() if isinstance(after, nn.BatchNorm2d) else sums
            stay = max(1, round((1 - amount) * len(importance)))
            kept.append(importance.topk(stay).indices.sort().values)
    return kept


def _move_weights(network: nn.Module, smaller: nn.Module, kept: Channels) -> None:
    """Copy what stays from layer to layer."""
    from torch import nn

    remaining = iter(kept)
    outgoing: torch.Tensor | None = None  # the channels of the layer before that are left
    before = 0  # and how many it had
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
    """Take the inputs that belong to channels; a flattened image has several of each, side by side."""
    by_channel = weight.reshape(len(weight), before, -1, *weight.shape[2:])
    return by_channel[:, channels].flatten(1, 2)
