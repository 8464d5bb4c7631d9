"""IDX image datasets (MNIST and its family) as Parquet, tables, pages and small networks.

A function for each command of the command line, with the same words and defaults, beside `load`, `images` and
`to_numpy` for pandas and NumPy. Each takes a path, an fsspec URL, a `Dataset` or the `Result` of another call, and
replaces nothing that exists unless `overwrite=True`. The names load on first use, so that importing this costs nothing.
"""

from __future__ import annotations

from importlib import import_module

from mnist_data.version import __version__

TYPE_CHECKING = False  # typing would be most of the time until Ctrl-C is answered in one line
if TYPE_CHECKING:
    from typing import Any

    from mnist_data import figures
    from mnist_data.api.analysis import audit, claims, stats
    from mnist_data.api.comparisons import compare, diff, drift
    from mnist_data.api.decisions import decide, decisions
    from mnist_data.api.explore import explore
    from mnist_data.api.files import convert, export, fetch, info
    from mnist_data.api.networks import compress, explain, export_onnx, predict, train
    from mnist_data.api.results import Result
    from mnist_data.api.run import run
    from mnist_data.api.show import show
    from mnist_data.api.stages import augment, clean, corrupt, normalize, prepare, split
    from mnist_data.api.verify import verify
    from mnist_data.errors import CheckFailed, MnistDataError
    from mnist_data.parquet.dataset import Dataset, open_dataset
    from mnist_data.parquet.decisions import read_decisions
    from mnist_data.parquet.decisions_table import Decision
    from mnist_data.parquet.frames import images, load, to_numpy
    from pipelines.networks.data.torch_dataset import torch_dataset
    from pipelines.stages.remake import remake

__all__ = [
    "CheckFailed",
    "Dataset",
    "Decision",
    "MnistDataError",
    "Result",
    "__version__",
    "audit",
    "augment",
    "claims",
    "clean",
    "compare",
    "compress",
    "convert",
    "corrupt",
    "decide",
    "decisions",
    "diff",
    "drift",
    "explain",
    "explore",
    "export",
    "export_onnx",
    "fetch",
    "figures",
    "images",
    "info",
    "load",
    "normalize",
    "open_dataset",
    "predict",
    "prepare",
    "read_decisions",
    "remake",
    "run",
    "show",
    "split",
    "stats",
    "to_numpy",
    "torch_dataset",
    "train",
    "verify",
]

_HOMES = {
    "mnist_data.api.analysis": ("audit", "claims", "stats"),
    "mnist_data.api.comparisons": ("compare", "diff", "drift"),
    "mnist_data.api.explore": ("explore",),
    "mnist_data.api.decisions": ("decide", "decisions"),
    "mnist_data.api.files": ("convert", "export", "fetch", "info"),
    "mnist_data.api.networks": ("compress", "explain", "export_onnx", "predict", "train"),
    "mnist_data.api.results": ("Result",),
    "mnist_data.api.run": ("run",),
    "mnist_data.api.show": ("show",),
    "mnist_data.api.stages": ("augment", "clean", "corrupt", "normalize", "prepare", "split"),
    "mnist_data.api.verify": ("verify",),
    "mnist_data.errors": ("CheckFailed", "MnistDataError"),
    "mnist_data.parquet.dataset": ("Dataset", "open_dataset"),
    "mnist_data.parquet.decisions": ("read_decisions",),
    "mnist_data.parquet.decisions_table": ("Decision",),
    "mnist_data.parquet.frames": ("images", "load", "to_numpy"),
    "pipelines.networks.data.torch_dataset": ("torch_dataset",),
    "pipelines.stages.remake": ("remake",),
}
"""Where each public name comes from."""


def __getattr__(name: str) -> Any:
    if name == "figures":
        return import_module("mnist_data.figures")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'mnist_data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
