"""The filters of a network's first layer: its weights, laid out as the image regions that they are multiplied with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import nn


def filter_table(network: nn.Module, shape: Sequence[int]) -> pd.DataFrame:
    """Tabulate the weights of the first layer that has any, a row a weight: filter, channel, row, column, value.

    A convolution's filters are its kernels, an MLP's its hidden units, which are as large as an image. shape: of one
    image, (height, width) or (height, width, channels).
    """
    height, width, channels = (*shape, 1)[:3]
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear))
    weights = first.weight.detach().cpu().numpy()
    weights = weights if weights.ndim == 4 else weights.reshape(-1, channels, height, width)  # flattened channels first
    places = np.indices(weights.shape, np.int32).reshape(4, -1)
    columns = dict(zip(("filter", "channel", "row", "column"), places, strict=True))
    return pd.DataFrame({**columns, "value": weights.reshape(-1)})
