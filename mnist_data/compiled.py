"""Compiling loops with numba, in one way for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile with numba, releasing the GIL; keep the machine code on disk where a cache folder can be written.

    Dask's threads run kernels in parallel, so a kernel itself stays on one thread.
    """
    import numba

    try:
        kernel: Function = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder can be written: compile anew in each process rather than fail
        kernel = numba.njit(nogil=True)(function)
    return kernel
