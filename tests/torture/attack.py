"""What an attack on a promise is made of: a seed, a time to stop at, and what came of each try."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRESS = 60.0
"""Seconds between two lines that say how far an attack is."""


@dataclass
class Attack:
    """One run of tries against a promise.

    seed: what all choices are drawn from; a finding names the number of its try, which with the seed makes it again.
    tries: how many at most; None for as many as the time allows. seconds: after which no further try begins.
    folder: an empty folder for what the tries write.

    A finding is printed at once, and each minute how far the tries are.
    """

    folder: Path
    seed: int = 0
    tries: int | None = None
    seconds: float = 60.0
    first: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def numbers(self) -> Iterator[int]:
        """Count the tries, from the first one until there are enough or the time is over."""
        begin = reported = time.monotonic()
        number = self.first
        while (self.tries is None or number < self.first + self.tries) and time.monotonic() < begin + self.seconds:
            yield number
            number += 1
            if (now := time.monotonic()) >= reported + PROGRESS:
                reported = now
                self._report(number - self.first, now - begin)

    def _report(self, tries: int, seconds: float) -> None:
        """Print how far the tries are."""
        rate = f"{tries / seconds:,.1f} a second"
        print(f"{seconds:,.0f} s: {tries:,} tries, {rate}, {len(self.findings)} broken", file=sys.stderr, flush=True)

    def chance(self, number: int) -> random.Random:
        """Give the source of all choices of one try."""
        return random.Random(f"{self.seed} {number}")

    def count(self, outcome: str) -> None:
        """Note a try that kept the promise, and how it ended: "read", "refused", …."""
        self.outcomes[outcome] += 1

    def find(self, number: int, what: str) -> None:
        """Note a try that broke the promise."""
        self.outcomes["broken"] += 1
        self.findings.append(f"try {number}: {what}")
        print(self.findings[-1], file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Promise:
    """What the project promises, and the attack that tries to break it.

    name: the word for the command line. text: the promise. attack: makes the tries, and notes what comes of each.
    """

    name: str
    text: str
    attack: Callable[[Attack], None]
