"""IDX image datasets (MNIST and its family) as Parquet, pandas frames and NumPy arrays.

The stages that clean, count and train live in the package `pipelines`, the pages in `dashboards`; this package
imports neither. Its own names load on first use, so that importing it costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mnist_data.frames import images, load, to_numpy
    from mnist_data.store import Dataset, open_dataset

__all__ = ["Dataset", "__version__", "images", "load", "open_dataset", "to_numpy"]

_HOMES = {
    "images": "mnist_data.frames",
    "load": "mnist_data.frames",
    "to_numpy": "mnist_data.frames",
    "Dataset": "mnist_data.store",
    "open_dataset": "mnist_data.store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mnist_data' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
