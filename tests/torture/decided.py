"""Decisions survive a kill: of two people who decide at once, one is killed, and nothing that was recorded is lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from mnist_data.errors import MnistDataError
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.decisions import read_decisions, record, undo
from mnist_data.parquet.decisions_table import Decision
from tests.torture.attack import Attack
from tests.torture.forked import PATIENCE, Start, count_changes

FORMER = Path(__file__).parents[1] / "fixtures/0.1.0"

EACH = 6
"""Decisions that each of the two makes, one after another, as an explorer records them."""

CHANGES_OF_ONE = 4
"""Changes of the file system for one decision, or more: the lock, the draft, its move, the lock again."""

PEOPLE = ("Ana", "Bo")


def attack_decisions(attack: Attack) -> None:
    """Let two processes decide, and kill one of them before a random change of the file system, or by the clock."""
    place = attack.folder / "digits"
    for number in attack.numbers():
        shutil.rmtree(attack.folder)
        attack.folder.mkdir()
        shutil.copytree(FORMER / "dataset", place)
        shutil.copy(FORMER / "dataset.manifest.json", f"{place}.manifest.json")
        came = _decide_and_kill(place, attack.chance(number))
        broken = what_is_lost(place) or what_is_left(place)
        if broken:
            attack.find(number, broken)
        else:
            attack.count("killed while it records" if came else "killed too late")


def _decide_and_kill(place: Path, chance: random.Random) -> bool:
    """Run both; say whether the one was killed before it had done all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.torture.preloaded"])
    deadly = chance.randint(1, EACH * CHANGES_OF_ONE) if chance.random() < 0.7 else 0
    both = [context.Process(target=decide, args=(str(place), who, deadly if who == "Ana" else 0)) for who in PEOPLE]
    for process in both:
        process.start()
    if not deadly:
        both[0].join(chance.uniform(0, 0.5))
        both[0].kill()
    for process in both:
        process.join(PATIENCE)
    return _killed(both[0])


def _killed(process: ForkServerProcess) -> bool:
    if process.exitcode is None:
        process.kill()
    return process.exitcode == -signal.SIGKILL


def decide(place: str, who: str, deadly: int) -> None:
    """Decide about samples in turn; a line is written to PLACE.WHO when a decision is recorded, and not before."""
    known = os.open(f"{place}.{who}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    dataset = open_dataset(place)
    count_changes(Start((), Path(place), deadly=deadly, whole_group=False))
    for number in range(EACH):
        if number % 3 == 2:
            undo(dataset, who)
            os.write(known, b"undo\n")
        else:
            record(dataset, [Decision(id=number, decision="keep", who=who, note=str(number))])
            os.write(known, f"{number}\n".encode())
    os._exit(0)


def what_is_lost(place: Path) -> str:
    """Say what of the decisions that were said to be recorded is not there; empty where all is."""
    try:
        history = read_decisions(place)
    except MnistDataError as error:
        return f"the file is damaged: {error}"
    for who in PEOPLE:
        path = Path(f"{place}.{who}")
        said = path.read_text("utf-8").split() if path.exists() else []
        there = ["undo" if one.decision == "undo" else one.note for one in history if one.who == who]
        if there[: len(said)] != said or len(there) > len(said) + 1:
            return f"{who} has recorded {_listed(said)}, and {_listed(there)} is there"
        if who == "Bo" and len(said) < EACH:
            return f"Bo, who was not killed, has recorded only {_listed(said)}"
    return ""


def what_is_left(place: Path) -> str:
    """Decide once more, and say what is left of the kill after it; empty where nothing is."""
    record(place, [Decision(id=0, decision="keep", who="Eve")])
    expected = {"digits", "digits.manifest.json", "digits.decisions.parquet", *(f"digits.{who}" for who in PEOPLE)}
    return _listed(sorted({path.name for path in place.parent.iterdir()} - expected))


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
