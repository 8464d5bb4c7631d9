"""Which pixels of one image a network's prediction depends on: three maps from its gradients.

All take a network as `build` makes it, an image as the network takes it, (channels, height, width) float32, and the
class to explain; each map is (height, width) float32. They explain the logit, before the softmax: a probability also
falls where another class gains. One image at a time, so no result depends on which others are explained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

Map = npt.NDArray[np.float32]
"""(height, width) float32."""

STEPS = 256
"""Points on the path from the background to the image: for `small` on MNIST the attributions then miss the difference
of the logits by 0.6 % of their sizes at most, by 3 % with 64 points."""

VALUES_AT_ONCE = 1 << 16
"""Pixel values of images whose gradients are computed together."""

SHAPED_BY = (nn.BatchNorm2d, nn.ReLU, nn.Tanh)
"""Layers after a convolution that belong to its feature maps."""


def saliency(network: nn.Module, image: torch.Tensor, target: int) -> Map:
    """Give the magnitude of the gradient of the class's logit by each pixel, the largest of the channels.

    Simonyan, Vedaldi and Zisserman, arXiv:1312.6034, section 3.
    """
    gradient = _gradients(network, image[None], target)[0]
    return _array(gradient.abs().amax(dim=0))


def integrated_gradients(
    network: nn.Module, image: torch.Tensor, background: torch.Tensor, target: int, steps: int = STEPS
) -> Map:
    """Distribute the class's logit over the pixels; pixels that count against the class get less than 0.

    background: the baseline image without ink, of the same shape. The map adds up to the logit of the image minus that
    of the background, as far as the sum of `steps` gradients approximates the integral (completeness); where a pixel
    equals the background, it is 0. The channels are summed.
    Sundararajan, Taly and Yan, arXiv:1703.01365, equation 1; the sum is by midpoints.
    """
    path, total = image - background, torch.zeros_like(image)
    fractions = (torch.arange(steps, device=image.device) + 0.5) / steps
    for part in torch.split(fractions, max(1, VALUES_AT_ONCE // image.numel())):
        total += _gradients(network, background + part[:, None, None, None] * path, target).sum(dim=0)
    return _array((path * total / steps).sum(dim=0))


def grad_cam(network: nn.Module, image: torch.Tensor, target: int) -> Map | None:
    """Give where the last feature maps support the class: their sum weighted by the gradients, clipped at 0.

    The maps are those of the last convolution whose output has more than one position, with its batch norm and
    activation; the result is interpolated linearly to the image's size. None where no convolution has such an output,
    as in an MLP. Selvaraju et al., arXiv:1610.02391, equations 1 and 2.
    """
    layers = [layer for layer in network.modules() if not list(layer.children())]
    end = _end_of_last_maps(layers, image)
    if end is None:
        return None
    with torch.no_grad():
        maps = nn.Sequential(*layers[:end])(image[None])
    (gradient,) = torch.autograd.grad(nn.Sequential(*layers[end:])(maps.requires_grad_())[0, target], maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    support = functional.relu((weights * maps).sum(dim=1, keepdim=True))
    return _array(functional.interpolate(support, image.shape[1:], mode="bilinear", align_corners=False)[0, 0])


def _end_of_last_maps(layers: Sequence[nn.Module], image: torch.Tensor) -> int | None:
    """Count the layers up to the end of the last convolution, its norm and activation, that keeps rows and columns."""
    end, values = None, image[None]
    with torch.no_grad():
        for number, layer in enumerate(layers, start=1):
            values = layer(values)
            goes_on = end == number - 1 and isinstance(layer, SHAPED_BY)
            if (isinstance(layer, nn.Conv2d) and values[0, 0].numel() > 1) or goes_on:
                end = number
    return end


def _gradients(network: nn.Module, images: torch.Tensor, target: int) -> torch.Tensor:
    """Give the gradient of the class's logit by each image, (n, channels, height, width)."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network(images)[:, target].sum(), images)
    return gradient


def _array(values: torch.Tensor) -> Map:
    return np.asarray(values.detach().cpu().numpy(), np.float32)
