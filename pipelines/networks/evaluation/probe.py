"""What a network is like inside: which of its units answer nothing, and how far its weights have come."""

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
"""Images that units are asked about: one that answers none answers fewer than 0.6 % of all (3 / 512, 95 % sure)."""


@dataclass(frozen=True)
class Layer:
    """A layer of rectified units: its name in the network, and how many units answer 0 to every image of a probe."""

    name: str
    units: int
    dead: int


def probe_layers(network: nn.Module, images: Images) -> list[Layer]:
    """Count the dead units of each ReLU layer, in order; of a convolution a unit is a filter, everywhere in the image.

    images: at most `PROBED`, as the network was trained with; at least one. The network is in eval mode afterwards.
    """
    from torch.nn import ReLU

    alive: dict[str, npt.NDArray[np.bool_]] = {}

    def noting(name: str) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def note(_: nn.Module, __: object, answers: torch.Tensor) -> None:
            alive[name] = (answers > 0).transpose(0, 1).flatten(1).any(1).cpu().numpy()

        return note

    layers = [(name, part) for name, part in network.named_modules() if isinstance(part, ReLU)]
    hooks = [part.register_forward_hook(noting(name)) for name, part in layers]
    try:
        with every_core():
            logits(network, images)
    finally:
        for hook in hooks:
            hook.remove()
    return [Layer(name, len(answered), int((~answered).sum())) for name, answered in alive.items()]


def way_of_weights(network: nn.Module, begun: nn.Module) -> float:
    """Give how far the weights lie from where they began: the norm of the difference by the norm at the beginning."""
    import torch

    with torch.no_grad():
        now, then = (torch.cat([part.detach().cpu().flatten() for part in of.parameters()]) for of in (network, begun))
        return float((now - then).norm() / then.norm())
