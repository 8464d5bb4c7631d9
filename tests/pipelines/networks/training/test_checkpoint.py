"""A killed training goes on to the same result as an unbroken one, or says why it cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("safetensors", reason="the extra `train` is not installed")

from mnist_data.errors import UnreadableInput, WrongUse  # noqa: E402
from pipelines.networks.data.loader import Augmentation, MemoryLoader  # noqa: E402
from pipelines.networks.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from pipelines.networks.training.fit import Fit, State, fit  # noqa: E402
from pipelines.settings.recipe import load_recipe  # noqa: E402
from pipelines.settings.training import Train  # noqa: E402

GENERATOR = np.random.default_rng(3)
IMAGES = GENERATOR.integers(0, 256, (120, 12, 12), np.uint8)
LABELS = (IMAGES.mean(axis=(1, 2)) > 127).astype(np.int64)
FEED = MemoryLoader(IMAGES[:90], LABELS[:90], np.arange(90), Augmentation(load_recipe("light")))
HELD = MemoryLoader(IMAGES[90:], LABELS[90:])
SETTINGS = Train(model="tiny", epochs=4, batch_size=16, ema_decay=0.9, dropout=0.3)
PLAN = {"input": "abc", "parameters": SETTINGS.recorded(), "version": "1"}


class KilledError(Exception):
    """Stands for the signal that ends a process."""


def train(path: Path, params: Train, *, die_after: int = 0, resume: bool = False) -> Fit:
    """Train with checkpoints."""

    def after_epoch(state: State) -> None:
        save_checkpoint(state, path, PLAN)
        if len(state.history) == die_after:
            raise KilledError

    def resumed(state: State) -> State:
        return load_checkpoint(state, path, PLAN) if resume else state

    return fit(FEED, HELD, 2, params, after_epoch, resumed=resumed)


@pytest.mark.parametrize(
    "changes", [{}, {"optimizer": "sgd", "learning_rate": 0.05}, {"ema_decay": 0.0}], ids=["adamw", "sgd", "plain"]
)
def test_a_resumed_training_ends_as_an_unbroken_one(tmp_path: Path, changes: dict[str, object]) -> None:
    """To the last bit: weights, moments, averages, dropout and deformations."""
    params = SETTINGS.replace(**changes)
    whole = train(tmp_path / "whole", params)
    with pytest.raises(KilledError):
        train(tmp_path / "broken", params, die_after=2)

    again = train(tmp_path / "broken", params, resume=True)

    weights = [[tensor.numpy().tobytes() for tensor in one.model.state_dict().values()] for one in (whole, again)]
    assert weights[0] == weights[1]
    assert [replace(done, seconds=0) for done in whole.history] == [replace(done, seconds=0) for done in again.history]
    assert whole.best_epoch == again.best_epoch


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Give the checkpoint of a training that was killed after its first epoch."""
    with pytest.raises(KilledError):
        train(tmp_path / "model.checkpoint", SETTINGS, die_after=1)
    return tmp_path / "model.checkpoint"


@pytest.mark.parametrize("place", [0.2, 0.5, 0.99])
def test_a_flipped_bit_is_recognised(checkpoint: Path, place: float) -> None:
    """It would be a weight like any other."""
    content = bytearray(checkpoint.read_bytes())
    content[int(place * len(content))] ^= 4
    checkpoint.write_bytes(content)

    with pytest.raises(UnreadableInput, match=r"model\.checkpoint: .*expected a whole checkpoint"):
        train(checkpoint, SETTINGS, resume=True)


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_checkpoint_that_is_cut_off_is_refused(checkpoint: Path, keep: int) -> None:
    """As a full disk leaves it."""
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])

    with pytest.raises(UnreadableInput, match=r"model\.checkpoint: it cannot be read"):
        train(checkpoint, SETTINGS, resume=True)


def test_a_checkpoint_of_another_training_is_refused_by_what_differs(checkpoint: Path) -> None:
    """Going on from other settings would give what no settings give."""
    other = {**PLAN, "parameters": SETTINGS.replace(learning_rate=0.5).recorded()}

    with pytest.raises(WrongUse, match=r"learning_rate is 0\.01 there and 0\.5 here"):
        fit(FEED, HELD, 2, SETTINGS, resumed=lambda state: load_checkpoint(state, checkpoint, other))
