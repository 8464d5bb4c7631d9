"""A model's file: the same network gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from pipelines.networks.training.model_file import load_model, save_model  # noqa: E402
from pipelines.networks.training.models import build  # noqa: E402


def test_a_network_that_is_written_again_has_the_same_bytes(tmp_path: Path) -> None:
    """Every time: safetensors writes its metadata in an order drawn anew, half of the times in another one."""
    network, known = build("tiny", (8, 8), 3), {"name": "tiny", "shape": [8, 8], "classes": 3, "dataset": 'ä\u2028"x'}
    for number in range(12):
        save_model(network, tmp_path / f"{number}.safetensors", known)

    assert len({(tmp_path / f"{number}.safetensors").read_bytes() for number in range(12)}) == 1
    again, configuration = load_model(tmp_path / "0.safetensors")
    assert configuration == known
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
