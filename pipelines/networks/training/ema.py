"""A running average of a network's weights, which is steadier than the weights themselves."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

Weights = dict[str, "torch.Tensor"]


class Average:
    """The exponential moving average of all weights and of the norms' statistics (Polyak and Juditsky, 1992).

    decay: the fraction of the average that a step leaves, less in the first steps, so that it forgets where they began;
    0: the network itself.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.network = copy.deepcopy(network) if decay else network
        self._pairs = [
            (mean, now)
            for mean, now in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True)
            if decay
        ]

    def update(self) -> None:
        """Take in the weights as a step has left them."""
        import torch

        if not self.decay:
            return
        self.steps += 1
        keep = min(self.decay, self.steps / (self.steps + 10))
        means, nows = ([pair[which] for pair in self._pairs if pair[0].is_floating_point()] for which in (0, 1))
        with torch.no_grad():
            torch._foreach_lerp_(means, nows, 1 - keep)
            for mean, now in self._pairs:
                if not mean.is_floating_point():  # the norms' count of batches
                    mean.copy_(now)
