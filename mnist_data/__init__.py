"""IDX image datasets (MNIST and its family) as Parquet, pandas frames and NumPy arrays.

The stages that clean, count and train live in the package `pipelines`, the pages in `dashboards`; this package
imports neither. Its names load on first use, so that importing it costs nothing; two of them live in `pipelines`:
`remake` with the stage that makes copies, `torch_dataset` with the networks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mnist_data.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mnist_data import figures
    from mnist_data.batch import Images
    from mnist_data.parquet.dataset import Dataset, open_dataset
    from mnist_data.parquet.frames import images, load, to_numpy
    from pipelines.networks.data.torch_dataset import torch_dataset

    remake: Callable[[str | Path, int], Images]

__all__ = ["Dataset", "__version__", "figures", "images", "load", "open_dataset", "remake", "to_numpy", "torch_dataset"]

_HOMES = {
    "images": "mnist_data.parquet.frames",
    "load": "mnist_data.parquet.frames",
    "to_numpy": "mnist_data.parquet.frames",
    "Dataset": "mnist_data.parquet.dataset",
    "open_dataset": "mnist_data.parquet.dataset",
    "remake": "pipelines.stages.remake",
    "torch_dataset": "pipelines.networks.data.torch_dataset",
}


def __getattr__(name: str) -> Any:
    if name == "figures":
        return import_module("mnist_data.figures")
    if name not in _HOMES:
        raise AttributeError(f"module 'mnist_data' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
