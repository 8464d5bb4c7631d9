"""Comparing variants of a network by size, speed and accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mnist_data.batch import Images, Integers
from pipelines.networks.evaluation.scores import evaluate

if TYPE_CHECKING:
    from torch import nn

    from pipelines.networks.evaluation.predictions import Probabilities

BATCHES = (1, 256)
"""Sizes of the batches that are timed."""

TURNS, SECONDS = 5, 0.02
"""How many turns each variant has, and their least duration; at least three batches are run in each."""


@dataclass(frozen=True)
class Variant:
    """A variant of a network. path: its file. run: predicts probabilities. network: the PyTorch network it computes."""

    path: str
    run: Callable[[Images], Probabilities]
    network: nn.Module


def compare(variants: Sequence[Variant], images: Images, labels: Integers) -> pd.DataFrame:
    """Compare variants of a network with the first of them, a row each.

    images, labels: of the samples to evaluate on, at least one. Columns: variant, the file's name; runtime; bytes;
    ratio, to the first one's bytes; parameters and multiply_adds of the network; latency_1 and latency_256, µs an image
    in batches of that size, medians; samples, correct, accuracy, low, high; difference of accuracy from the first, in
    percentage points; agreement, the fraction of samples with the first one's prediction.
    """
    times = {batch: _latencies(variants, np.resize(images, (batch, *images.shape[1:]))) for batch in BATCHES}
    predictions = [variant.run(images) for variant in variants]
    first = evaluate(predictions[0], labels)
    rows = []
    for place, (variant, probabilities) in enumerate(zip(variants, predictions, strict=True)):
        size, score = Path(variant.path).stat().st_size, evaluate(probabilities, labels)
        rows.append(
            {
                "variant": Path(variant.path).name,
                "runtime": "onnxruntime" if variant.path.endswith(".onnx") else "pytorch",
                "bytes": size,
                "ratio": size / Path(variants[0].path).stat().st_size,
                "parameters": sum(tensor.numel() for tensor in variant.network.parameters()),
                "multiply_adds": multiply_adds(variant.network, images[:1]),
                **{f"latency_{batch}": each[place] for batch, each in times.items()},
                **asdict(score),
                "difference": 100 * (score.accuracy - first.accuracy),
                "agreement": float((probabilities.argmax(axis=1) == predictions[0].argmax(axis=1)).mean()),
            }
        )
    return pd.DataFrame(rows)


def multiply_adds(network: nn.Module, image: Images) -> int:
    """Count the multiplications of weights for one image, (1, h, w[, c])."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from pipelines.networks.evaluation.predictions import inputs

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.eval()(inputs(image).to(next(network.parameters()).device))
    return int(counter.get_total_flops()) // 2  # each multiplication has its addition


def _latencies(variants: Sequence[Variant], images: Images) -> list[float]:
    """Time a batch of images; give each variant's median, in µs an image.

    The variants take turns, so that other load on the machine affects all of them. Turns are not too short: the threads
    of a runtime spin for a while after its work, and would disturb the next variant.
    """
    times: list[list[float]] = [[] for _ in variants]
    for _ in range(TURNS):
        for variant, of_variant in zip(variants, times, strict=True):
            variant.run(images)
            of_variant += _turn(variant, images)
    return [float(np.median(of_variant)) * 1e6 / len(images) for of_variant in times]


def _turn(variant: Variant, images: Images) -> list[float]:
    times: list[float] = []
    while len(times) < 3 or sum(times) < SECONDS:
        started = perf_counter()
        variant.run(images)
        times.append(perf_counter() - started)
    return times
