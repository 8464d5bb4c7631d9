"""Two at once: each command that writes, twice at the same time into one place."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from tests.torture.attack import Attack
from tests.torture.commands import Workshop, possible, workshop
from tests.torture.forked import Ended, running
from tests.torture.kills import differences, in_turn

SAYS_SO = ("another process is writing it", "exists already")
"""What the one says that comes second, or that finds the work done."""


def attack_by_two(attack: Attack) -> None:
    """Start each command in turn twice, the second a random moment after the first."""
    with workshop(attack.folder) as shop:
        for number, words, usual in in_turn(attack, shop, [*possible().values()]):
            chance = attack.chance(number)
            wait = chance.choice([0.0, 0.0, chance.uniform(0, usual.seconds)])
            ends = at_once(shop, words, wait, attack.folder / "output")
            if broken := what_is_broken(ends) or differences(usual.left, shop.left()):
                attack.find(number, f"{words}: the second {wait:.3f} s after the first: {broken}")
            else:
                attack.count("both end with 0" if all(end.code == 0 for end in ends) else "one wins, one says so")


def at_once(shop: Workshop, words: str, wait: float, output: Path) -> list[Ended]:
    """Start a command twice, and wait for both ends."""
    shop.clear()
    with ExitStack() as both:
        first = both.enter_context(running(shop.start(words), output / "first"))
        time.sleep(wait)
        second = both.enter_context(running(shop.start(words), output / "second"))
        return [first.wait(), second.wait()]


def what_is_broken(ends: list[Ended]) -> str:
    """Say what is wrong with how two ended: at least one did its work, and who did not says why in one line."""
    losers = [end for end in ends if end.code != 0]
    if len(losers) == len(ends):
        return f"both fail: {ends[0].err[-600:]} {ends[1].err[-600:]}"
    for loser in losers:
        if not loser.is_refusal or not any(words in loser.err for words in SAYS_SO):
            return f"the one that loses ends with {loser.code}: {loser.err[-1500:]}"
    return ""
