"""How PyTorch computes here: on which device, with how many threads, and in which precision.

PyTorch is the optional extra `train`, so it is imported where it is used; this module loads without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from mnist_data.errors import MissingExtra
from pipelines.engine.engine import cores
from pipelines.settings.training import Precision

if TYPE_CHECKING:
    import torch


def require_torch() -> None:
    """Raise MissingExtra where PyTorch or safetensors is not installed."""
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra((error.name or "torch").partition(".")[0], "train", "Training") from None


@contextmanager
def every_core() -> Iterator[None]:
    """Let PyTorch use every core that this process may use, and restore the former number of threads afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's random numbers from a seed, and leave its global generators as they were."""
    import torch

    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        yield


@cache
def device() -> torch.device:
    """Give the first GPU that CUDA offers, else the processor."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@cache
def resolved(precision: Precision) -> Precision:
    """Give the precision that "auto" means on this machine.

    bfloat16 where the hardware supports it (a GPU, AVX512-BF16, AMX): there our networks train 1.5 to 1.75 times as
    fast. Everywhere else it is emulated, and trains up to sixteen times slower than float32.
    """
    import torch

    if precision != "auto":
        return precision
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    # PyTorch has no public function for this; where the private ones are gone, float32 is always correct.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    supported = any(getattr(torch.cpu, name, bool)() for name in probes)
    return "bfloat16" if supported else "float32"


def computing_in(precision: Precision) -> AbstractContextManager[object]:
    """Use autocast to bfloat16 where that is the precision; the weights stay float32.

    precision: as `resolved` gives it.
    """
    import torch

    return torch.autocast(device().type, torch.bfloat16, enabled=precision == "bfloat16")
