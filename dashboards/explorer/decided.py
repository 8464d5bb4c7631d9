"""Decisions about samples, as the explorer shows and records them: the one file that it writes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboards.explorer.columns import Value
from dashboards.explorer.samples import Samples
from mnist_data import storage
from mnist_data.errors import WrongUse
from mnist_data.parquet import decisions as book
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions_table import CHOICES, Choice, Decision

COLUMN = "decision"
"""The column that says what is decided of a sample."""


class Decided:
    """The decisions about a dataset that stand, by anybody, and those that somebody makes now.

    who: the person who decides here.
    """

    def __init__(self, dataset: Dataset, samples: Samples, who: str) -> None:
        self._dataset, self._samples, self.who = dataset, samples, who
        self._place = book.decisions_file(dataset)
        self._lock = threading.Lock()
        self._state: object = None
        self._history: tuple[Decision, ...] = ()
        self._current: dict[int, Decision] = {}
        self.column = samples.add_texts("decisions", COLUMN, tuple(choice for choice in CHOICES if choice != "undo"))
        self.current()

    def current(self) -> Mapping[int, Decision]:
        """Give the last decision about each sample that stands; another process may have added some since."""
        with self._lock:
            state = self._file_state()
            if state is None or state != self._state:
                self._history = book.read_decisions(self._dataset)
                before, self._current = self._current, book.current(self._history)
                self._state = state
                changed = {
                    sample: self._current[sample].decision if sample in self._current else None
                    for sample in before.keys() | self._current.keys()
                    if before.get(sample) != self._current.get(sample)
                }
                if changed and self.column is not None:
                    self._samples.set_texts(self.column, changed)
            return self._current

    def about(self, sample: int) -> list[Decision]:
        """Give all decisions about a sample that stand, in their order."""
        self.current()
        return [decision for decision in book.standing(self._history) if decision.id == sample]

    def decide(self, sample: int, decision: str, label: int | None, note: str, check: str) -> None:
        """Record a decision; it is on the disk when this returns. Raises WrongUse for what cannot be decided."""
        choice: Choice = next((each for each in CHOICES if each == decision and each != "undo"), "undo")
        if choice == "undo":
            raise WrongUse(f"{decision!r:.40} cannot be decided of a sample.")
        new = Decision(id=sample, decision=choice, label=label, note=note, who=self.who, check=check)
        book.record(self._dataset, [new])

    def undo(self) -> int | None:
        """Take back the last decision of this person that stands; give the id of its sample, None without any."""
        undone = book.undo(self._dataset, self.who)
        return None if undone is None else undone.id

    def mark(self, sample: Value) -> list[Any] | None:
        """Give decision and new label of a sample for the grid; None where nothing is decided."""
        decision = self._current.get(sample) if isinstance(sample, int) else None
        return None if decision is None else [decision.decision, decision.label]

    def _file_state(self) -> object:
        """Tell one state of the file from another without reading it; None where that is not known."""
        if storage.is_remote(self._place):
            return None
        return storage.identity(self._place) if Path(self._place).exists() else "none"
