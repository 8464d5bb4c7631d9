"""What the explorer computes of samples once it is asked for: a map of all, neighbours, copies, what networks say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dashboards.explorer.analyses import Answer, Neighbours
from mnist_data import storage
from mnist_data.batch import Batch, Images
from mnist_data.parquet.dataset import Dataset, read_columns
from mnist_data.parquet.pixels import take_arrays
from pipelines.run.sources import is_workspace, whole_near

if TYPE_CHECKING:
    from dashboards.explorer.sprites import Sprites

FITTED = 4_000
"""Samples to which the axes of the map are fitted, evenly over the dataset."""

ROWS = 4_096
"""Images in memory at once."""

COMPARED_BYTES = 1 << 28
"""Pixels that a sample's are compared with; of larger datasets only every second, third … sample is looked at."""

MOST_COPIES = 12

Rows = npt.NDArray[np.int32]


class SampleAnalyses:
    """Computes from the images of a dataset, and from what lies near it."""

    def __init__(self, dataset: Dataset, sprites: Sprites) -> None:
        self._dataset, self._count, self._sprites = dataset, len(dataset), sprites

    def places(self) -> npt.NDArray[np.float32]:
        """Give the first two principal components of each sample, (samples, 2)."""
        from pipelines.statistics.sample_space import SampleSpace

        if self._count < 2:
            return np.zeros((self._count, 2), np.float32)
        step = max(1, self._count // FITTED)
        space = SampleSpace.of(self._finite(np.arange(0, self._count, step, dtype=np.int32)))
        parts = [space.points(images)[:, :2] for _, images in self._blocks(1)]
        return np.concatenate(parts).astype(np.float32)

    def neighbours(self, row: int, count: int) -> Neighbours:
        """Compare the pixels of a sample with those of all others, or evenly chosen ones of a dataset too large."""
        own = self._finite(np.array([row], np.int32)).reshape(-1).astype(np.float32)
        step = max(1, -(-self._count * own.size // COMPARED_BYTES))
        rows, squares = [], []
        for of_block, images in self._blocks(step):
            apart = images.reshape(len(images), -1).astype(np.float32) - own
            rows.append(of_block)
            squares.append(np.einsum("ij,ij->i", apart, apart, dtype=np.float64))
        compared, distances = np.concatenate(rows), np.sqrt(np.concatenate(squares))
        distances[compared == row] = np.inf
        nearest = np.argsort(distances, kind="stable")[: min(count, int(np.isfinite(distances).sum()))]
        return Neighbours(compared[nearest], distances[nearest], int(np.isfinite(distances).sum()))

    def copies(self, sample: int) -> tuple[list[int], Images | None]:
        """Give the copies that the stage augment has made of a sample, in a dataset near this one."""
        for near in self._augmented:
            for split in near.splits:
                columns = read_columns(near, split, ["source_id", "copy"])
                if {"source_id", "copy"} <= columns.keys():
                    rows = np.flatnonzero((columns["source_id"] == sample) & (columns["copy"] > 0))[:MOST_COPIES]
                    if len(rows):
                        return columns["copy"][rows].tolist(), take_arrays(near, [split], rows).images
        return [], None

    def answers(self, row: int) -> list[Answer]:
        """Ask each network of the workspace for the class of a sample, and which pixels this depends on."""
        if not self._network_files:
            return []
        from pipelines.networks.training.device import require_torch

        require_torch()
        from pipelines.networks.data.as_trained import ready
        from pipelines.networks.evaluation.predictions import inputs, predict
        from pipelines.networks.explaining.attribution import saliency
        from pipelines.networks.training.device import device
        from pipelines.networks.training.model_file import load_model

        batch = Batch(np.array([row]), np.array([0]), self._finite(np.array([row], np.int32)))
        answers = []
        for path in self._network_files:
            network, configuration = load_model(path)
            if list(configuration["shape"]) == list(self._dataset.metadata.shape):
                images = ready(configuration, batch, self._dataset.metadata.stages).images
                probabilities = predict(network, images)[0]
                pixels = saliency(network.to(device()), inputs(images)[0], int(probabilities.argmax()))
                answers.append(Answer(path.stem, probabilities, pixels))
        return answers

    @cached_property
    def _network_files(self) -> list[Path]:
        """List the networks of the workspace that this dataset lies in."""
        place = self._dataset.location
        if storage.is_remote(place) or not is_workspace(Path(place).parent):
            return []
        return sorted(Path(place).parent.glob("train/*/*.safetensors"))

    @cached_property
    def _augmented(self) -> list[Dataset]:
        """List the datasets near this one that were made of it, with copies."""
        if storage.is_remote(self._dataset.location):
            return []
        return [
            near
            for near in whole_near(self._dataset.location).values()
            if any(stage.stage == "augment" for stage in near.metadata.stages)
            and any(stage.input == self._dataset.content for stage in near.metadata.stages)
        ]

    def _blocks(self, step: int) -> Iterator[tuple[Rows, npt.NDArray[Any]]]:
        """Give the rows of the dataset, every `step`-th, with their images."""
        rows = np.arange(0, self._count, step, dtype=np.int32)
        for first in range(0, len(rows), ROWS):
            yield rows[first : first + ROWS], self._finite(rows[first : first + ROWS])

    def _finite(self, rows: Rows) -> npt.NDArray[Any]:
        images = self._sprites.images(rows)
        return np.nan_to_num(images, nan=0.0, posinf=0.0, neginf=0.0) if images.dtype.kind == "f" else images
