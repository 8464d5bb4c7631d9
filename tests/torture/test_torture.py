"""Some seconds of each attack: enough to notice a promise that no longer holds. `make torture` takes longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.torture.attack import Attack, Promise
from tests.torture.promises import PROMISES

SECONDS = float(os.environ.get("TORTURE_SECONDS", "15"))
SEED = 0
"""Fixed, so that a run that fails fails again; longer runs take others."""


@pytest.mark.slow
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_the_promise_holds(promise: Promise, tmp_path: Path) -> None:
    """Some seeded seconds of tries find nothing that breaks the promise; there is at least one."""
    if promise.name == "coverage":
        pytest.importorskip("atheris", reason="atheris has no wheel here, and the project does not depend on it")
    attack = Attack(tmp_path, SEED, seconds=SECONDS)

    promise.attack(attack)

    assert attack.findings == []
    assert attack.outcomes
