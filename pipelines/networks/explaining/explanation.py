"""Why a network gives one image the score of one class: all maps of it together."""

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
class Covered:
    """What a network answers for an image, and for it with each patch of background on it.

    whole: (classes,) float32. boxes: (n, 4) as `patches` gives them. answers: (n, classes) float32.
    """

    whole: npt.NDArray[np.float32]
    boxes: Integers
    answers: Probabilities

    def drops(self, target: int) -> npt.NDArray[np.float32]:
        """Say by how much each patch lowers the probability of a class, (n,) float32."""
        return np.asarray(self.whole[target] - self.answers[:, target])


@dataclass(frozen=True)
class Explanation:
    """Why one image is, or is not, taken for one class.

    logit, ground_logit: of the class, for the image and for one without ink. maps: (height, width) float32 each, by the
    names saliency, integrated_gradients, grad_cam (where there are feature maps) and occlusion.
    """

    logit: float
    background_logit: float
    maps: Mapping[str, Map]


def explain_image(
    network: nn.Module, image: npt.NDArray[Any], background: float, target: int, covered: Covered
) -> Explanation:
    """Explain one image, (h, w) or (h, w, c) as `predict` takes it, for one class.

    network: on the device that images are brought to. background: the value that means no ink.
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
        "occlusion": spread(covered.boxes, covered.drops(target), *image.shape[:2]),
    }
    return Explanation(logit, background_logit, {name: one for name, one in maps.items() if one is not None})
