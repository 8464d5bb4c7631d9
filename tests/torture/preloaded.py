"""What the server of forks imports once, before any command begins; what is not installed is left out."""

from __future__ import annotations

import os
import pkgutil
from contextlib import suppress
from importlib import import_module

PACKAGES = ("mnist_data", "pipelines", "dashboards")

MODULES = ("distributed", "pooch", "plotly.graph_objects", "torch", "onnx", "onnxruntime.quantization")

NAMED = ("encodings.utf_8_sig", "importlib.readers")
"""What a user who may not read Python's library could not load later."""

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is loaded
for package in PACKAGES:
    for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            with suppress(ImportError):
                import_module(found.name)
for name in (*MODULES, *NAMED):
    with suppress(ImportError):
        import_module(name)
