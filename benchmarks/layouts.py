"""Claim: the image column as fixed-size binary reads at least 4 times as fast as a list column, and is smaller."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import alternate, real_data, report
from mnist_data import to_numpy
from mnist_data.idx.pairing import find_pairs
from pipelines.settings.stages import Convert
from pipelines.stages.convert import convert

LIMIT = 4.0


def claim() -> bool:
    """Measure reading MNIST's training split in both layouts, and compare the files."""
    folder = real_data("mnist")
    if folder is None:
        return True
    with tempfile.TemporaryDirectory() as name:
        pairs = find_pairs(folder)[:1]
        binary, listed = (
            convert(pairs, Path(name) / layout, Convert(layout=layout)).dataset for layout in ("binary", "list")
        )
        ratios = alternate(lambda: to_numpy(listed.location), lambda: to_numpy(binary.location), runs=7)
        sizes = [Path(dataset.files[0][1]).stat().st_size for dataset in (listed, binary)]
    holds = report("reading list / fixed-size binary", ratios, LIMIT, at_least=True)
    return report("bytes of list / fixed-size binary", [sizes[0] / sizes[1]], 1.0, at_least=True) and holds
