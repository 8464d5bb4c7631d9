"""Measuring two ways of doing a thing in one process, in turn, so that other load on the machine affects both."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter


def alternate(ours: Callable[[], object], peer: Callable[[], object], runs: int = 15) -> list[float]:
    """Run both in turn after one warm-up each; give the ratio of seconds, ours / peer, of each pair."""
    ours()
    peer()
    return [seconds(ours) / seconds(peer) for _ in range(runs)]


def seconds(function: Callable[[], object]) -> float:
    """Time one call."""
    started = perf_counter()
    function()
    return perf_counter() - started


def report(claim: str, values: Sequence[float], limit: float, unit: str = "", at_least: bool = False) -> bool:
    """Print a claim's figure with its spread and whether it holds; give that."""
    middle = median(values)
    holds = middle >= limit if at_least else middle <= limit
    bound = "at least" if at_least else "at most"
    print(
        f"{'holds' if holds else 'FAILS'}  {claim}: {middle:.2f}{unit} ({min(values):.2f} … {max(values):.2f}, "
        f"{len(values)} runs), {bound} {limit:g}{unit}"
    )
    return holds


def real_data(name: str) -> Path | None:
    """Give a folder of real data, or None, and say so."""
    folder = Path(os.environ.get("MNIST_DATA_REAL", "")) / name
    if "MNIST_DATA_REAL" in os.environ and folder.is_dir():
        return folder
    print(f"skipped: MNIST_DATA_REAL names no folder with {name}")
    return None


def peak_megabytes(code: str, *arguments: object) -> float:
    """Run Python code in a process of its own, and give its peak memory in MiB (Linux)."""
    # ru_maxrss would not do: a process begins with its parent's peak.
    code += "\nprint(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024)"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1])


def describe_machine(*packages: str) -> str:
    """Name the processor and the versions that figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    flags = next((line for line in lines if line.startswith("flags")), "")
    features = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {name}" in flags]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{model} ({os.cpu_count()} cores; {' '.join(features)}), Python {platform.python_version()}, {versions}"
