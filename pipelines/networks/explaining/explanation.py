"""The explanation of a network's score for one image and class: all maps together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from pipelines.networks.evaluation.predictions import Probabilities, inputs
from pipelines.networks.explaining.attribution import Map, grad_cam, integrated_gradients, saliency
from pipelines.networks.explaining.occlusion import spread

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class OcclusionResult:
    """A network's probabilities for an image, and for it with each patch of background on it.

    whole: (classes,) float32. boxes: (n, 4) as `patches` gives them. occluded: (n, classes) float32.
    """

    whole: npt.NDArray[np.float32]
    boxes: Integers
    occluded: Probabilities

    def drops(self, target: int) -> npt.NDArray[np.float32]:
        """Give by how much each patch lowers the probability of a class, (n,) float32."""
        return np.asarray(self.whole[target] - self.occluded[:, target])


@dataclass(frozen=True)
class Explanation:
    """Why one image is, or is not, taken for one class.

    logit, background_logit: of the class, for the image and for one without ink. maps: (height, width) float32 each, by
    the names saliency, integrated_gradients, grad_cam (where there are feature maps) and occlusion.
    """

    logit: float
    background_logit: float
    maps: Mapping[str, Map]


def explain_image(
    network: nn.Module, image: npt.NDArray[Any], background: float, target: int, occlusion: OcclusionResult
) -> Explanation:
    """Explain one image, (h, w) or (h, w, c) as `predict` takes it, for one class.

    network: on the device that `inputs` brings images to. background: the pixel value that means no ink.
    """
    import torch

    pair = inputs(np.stack([image, np.full_like(image, background)]))
    with torch.no_grad():
        logit, background_logit = network(pair)[:, target].tolist()
    pixels, blank = pair
    maps = {
        "saliency": saliency(network, pixels, target),
        "integrated_gradients": integrated_gradients(network, pixels, blank, target),
        "grad_cam": grad_cam(network, pixels, target),
        "occlusion": spread(occlusion.boxes, occlusion.drops(target), *image.shape[:2]),
    }
    return Explanation(logit, background_logit, {name: values for name, values in maps.items() if values is not None})
