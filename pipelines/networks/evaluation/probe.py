"""Inspecting a network: dead ReLU units, and how far the weights have moved in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.networks.evaluation.predictions import logits
from pipelines.networks.training.device import every_core

if TYPE_CHECKING:
    import torch
    from torch import nn

PROBED = 512
"""Images for detecting dead units: one that is 0 for all of them is active for fewer than 0.6 % (3 / 512, 95 %)."""


@dataclass(frozen=True)
class ProbedLayer:
    """A ReLU layer: its name in the network, and how many of its units output 0 for every probed image."""

    name: str
    units: int
    dead: int


def probe_layers(network: nn.Module, images: Images) -> list[ProbedLayer]:
    """Count the dead units of each ReLU layer, in order; a unit of a convolution is a filter, over the whole image.

    images: at least one, at most `PROBED`, scaled as in training. The network is in eval mode afterwards.
    """
    from torch.nn import ReLU

    alive: dict[str, npt.NDArray[np.bool_]] = {}

    def noting(name: str) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def note(_: nn.Module, __: object, outputs: torch.Tensor) -> None:
            alive[name] = (outputs > 0).transpose(0, 1).flatten(1).any(1).cpu().numpy()

        return note

    layers = [(name, part) for name, part in network.named_modules() if isinstance(part, ReLU)]
    hooks = [part.register_forward_hook(noting(name)) for name, part in layers]
    try:
        with every_core():
            logits(network, images)
    finally:
        for hook in hooks:
            hook.remove()
    return [ProbedLayer(name, len(active), int((~active).sum())) for name, active in alive.items()]


def weight_change(network: nn.Module, initial: nn.Module) -> float:
    """Give how far the weights have moved: the norm of the difference over the norm of the initial weights."""
    import torch

    with torch.no_grad():
        final, first = (
            torch.cat([part.detach().cpu().flatten() for part in each.parameters()]) for each in (network, initial)
        )
        return float((final - first).norm() / first.norm())
