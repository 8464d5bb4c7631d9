"""An exponential moving average (EMA) of a network's weights, which varies less than the weights themselves."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

Weights = dict[str, "torch.Tensor"]


class WeightAverage:
    """The exponential moving average of all weights and of the norms' statistics (Polyak and Juditsky, 1992).

    decay: the fraction of the average kept in each step, less in the first steps, so that the initial weights are
    forgotten; 0: no average, the network itself.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.network = copy.deepcopy(network) if decay else network
        self._pairs = [
            (mean, current)
            for mean, current in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True)
            if decay
        ]

    def update(self) -> None:
        """Update the average with the weights after a step."""
        import torch

        if not self.decay:
            return
        self.steps += 1
        keep = min(self.decay, self.steps / (self.steps + 10))
        means, currents = ([pair[which] for pair in self._pairs if pair[0].is_floating_point()] for which in (0, 1))
        with torch.no_grad():
            torch._foreach_lerp_(means, currents, 1 - keep)
            for mean, current in self._pairs:
                if not mean.is_floating_point():  # the norms' count of batches
                    mean.copy_(current)
