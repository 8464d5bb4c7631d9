"""Run the claims named, or all of them; exit 1 where one fails."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.measure import describe_machine

CLAIMS = (
    "convert",
    "forms",
    "pictures",
    "array_forms",
    "load",
    "memory",
    "stage_memory",
    "layouts",
    "warp",
    "augment",
    "morphometrics",
    "statistics",
    "pages",
    "explorer",
    "accuracy",
    "train",
    "torch_dataset",
)


def main(names: list[str]) -> int:
    """Run them one after another; nothing else should run at the same time."""
    print(describe_machine("numpy", "pyarrow", "pandas", "numba"))
    holds = [import_module(f"benchmarks.{name}").claim() for name in names or CLAIMS]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
