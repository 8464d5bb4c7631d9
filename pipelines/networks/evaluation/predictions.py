"""Predictions of a trained network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Images
from pipelines.networks.data.stored import StoredImages
from pipelines.networks.training.device import device, every_core, require_torch

if TYPE_CHECKING:
    import torch
    from torch import nn

Probabilities = npt.NDArray[np.float32]
"""(n, classes) float32, each row adds up to 1."""

ROWS = 512
"""Most images predicted at once."""

VALUES = 1 << 22
"""Most pixel values predicted at once, but one image: a layer may give 32 numbers of 4 bytes for each of them."""


def rows_at_once(shape: Sequence[int]) -> int:
    """Say how many images of a shape are predicted at once.

    >>> rows_at_once((28, 28)), rows_at_once((1024, 1024)), rows_at_once((8192, 8192))
    (512, 4, 1)
    """
    return max(1, min(ROWS, VALUES // max(1, math.prod(shape))))


def starts_of(images: Images | StoredImages) -> range:
    """Give where each batch of images begins, in steps of its size; one empty batch where there are no images."""
    return range(0, max(len(images), 1), rows_at_once(images.shape[1:]))


def predict(model: nn.Module, images: Images | StoredImages) -> Probabilities:
    """Give the probability of each class for each image, in the order of the images.

    images: (n, h, w) or (n, h, w, c), scaled as those the network was trained on; n may be 0. Stored images are read
    batch by batch.
    """
    require_torch()
    import torch

    starts = starts_of(images)
    with every_core():
        outputs = torch.cat([logits(model, images[start : start + starts.step]) for start in starts])
        probabilities: Probabilities = outputs.softmax(1).cpu().numpy()
    return probabilities


def predict_mean(models: Sequence[nn.Module], images: Images) -> Probabilities:
    """Give the mean of several networks' probabilities, which is the prediction of their ensemble."""
    return np.asarray(np.mean([predict(model, images) for model in models], axis=0))


def logits(network: nn.Module, images: Images) -> torch.Tensor:
    """Give (n, classes) float32 for a batch; the network is in eval mode afterwards."""
    import torch

    network.eval()
    with torch.inference_mode():
        outputs: torch.Tensor = network.to(device())(inputs(images))
        return outputs


def inputs(images: Images) -> torch.Tensor:
    """Bring a batch of images to (n, c, h, w) float32, channels-last in memory as IDX has them.

    Bytes become x / 255; floats are taken as they are.
    """
    import torch

    # A copy only where needed: PyTorch takes no array that is read-only or not in native byte order.
    pixels = torch.from_numpy(np.require(images, images.dtype.newbyteorder("="), ["C", "W"])).to(device()).float()
    if images.dtype == np.uint8:
        pixels = pixels.div_(255)
    return pixels.unsqueeze(1) if images.ndim == 3 else pixels.permute(0, 3, 1, 2)
