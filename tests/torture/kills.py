"""A kill loses nothing: the same command again ends with the same bytes, and nothing else is left."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.torture.attack import Attack
from tests.torture.commands import Workshop, possible, workshop
from tests.torture.forked import Running, Start, call, running


@dataclass(frozen=True)
class Unbroken:
    """What a command does when nothing happens to it.

    seconds: how long it takes. changes: how often it changes the file system. left: see `Workshop.left`.
    """

    seconds: float
    changes: int
    left: Mapping[str, str]


@dataclass(frozen=True)
class Kill:
    """A kill to come. whole_group: of the children, too. before: the change, counted from 1; None by the clock.

    after: seconds from the start. at_once: whether the command is repeated while children may still live.
    """

    whole_group: bool
    at_once: bool
    before: int | None
    after: float

    def __str__(self) -> str:
        moment = f"after {self.after:.3f} s" if self.before is None else f"before change {self.before}"
        killed_what = "all processes" if self.whole_group else "the main process"
        return f"{killed_what} killed {moment}, repeated {'at once' if self.at_once else 'after their end'}"


def attack_by_kills(attack: Attack) -> None:
    """Kill each command in turn, at a random moment, by the clock or before a random change of the file system."""
    with workshop(attack.folder) as shop:
        for number, words, usual in in_turn(attack, shop, [*possible().values()]):
            kill = drawn(attack.chance(number), usual)
            broken, came = survives(shop, words, kill, usual, forked=number % 25 != 24 or "loopback" in words)
            if broken:
                attack.find(number, f"{words}: {kill}: {broken}")
            else:
                attack.count(
                    f"{'all processes' if kill.whole_group else 'main process'} killed" if came else "too late"
                )


def in_turn(attack: Attack, shop: Workshop, commands: Sequence[str]) -> Iterator[tuple[int, str, Unbroken]]:
    """Give each try a command in turn, with what that does when nothing happens to it.

    A command that does not end well even then is noted, and its tries are left out.
    """
    known: dict[str, Unbroken | str] = {}
    for number in attack.numbers():
        words = commands[number % len(commands)]
        if words not in known:
            known[words] = unbroken(shop, words, shop.root / "output")
        usual = known[words]
        if isinstance(usual, str):
            attack.find(number, usual)
        else:
            yield number, words, usual


def unbroken(shop: Workshop, words: str, output: Path) -> Unbroken | str:
    """Run a command once without a kill; gives words where even that does not end well."""
    shop.clear()
    output.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    end = call(shop.start(words, changes=output / "changes"), output)
    seconds = time.monotonic() - begin
    if end.code != 0:
        return f"{words}: ends with {end.code} without any kill: {end.err[-500:]}"
    return Unbroken(seconds, int((output / "changes").read_text("utf-8")), shop.left())


def drawn(chance: random.Random, usual: Unbroken) -> Kill:
    """Draw a kill."""
    before = chance.randint(1, usual.changes) if chance.random() < 0.6 else None
    return Kill(chance.random() < 0.5, chance.random() < 0.5, before, chance.uniform(0, usual.seconds))


def survives(shop: Workshop, words: str, kill: Kill, usual: Unbroken, forked: bool) -> tuple[str, bool]:
    """Kill a command and repeat it; say what is broken, if anything, and whether the kill came in time."""
    shop.clear()
    start = replace(shop.start(words), forked=forked)
    output = shop.root / "output"
    with running(killing(start, kill), output / "killed") as process:
        came = killed(process, kill, forked)
        if not kill.at_once and (alive := process.children()):
            return f"these processes outlive it: {alive}", came
        again = call(start, output / "again")
        if alive := process.children():
            return f"these processes outlive it: {alive}", came
    if again.code != 0 and not (again.code == 2 and "exists already" in again.err):  # the work was done by then
        return f"the next run ends with {again.code}: {again.err[-1500:]}", came
    return differences(usual.left, shop.left()), came


def killing(start: Start, kill: Kill) -> Start:
    """Let the process kill itself, where that is to be before a change."""
    if kill.before is None or not start.forked:
        return start
    return replace(start, deadly=kill.before, whole_group=kill.whole_group)


def killed(process: Running, kill: Kill, forked: bool) -> bool:
    """Wait for the moment and kill; say whether the process had not ended before."""
    if kill.before is not None and forked:
        return process.wait().code == -signal.SIGKILL
    if process.ends_within(kill.after):
        return False
    process.kill(kill.whole_group)
    return process.wait().code == -signal.SIGKILL


OF_OTHERS = re.compile(
    r"tmp/(dask-scratch-space(/.*)?|[a-z0-9_]{8}|\.ses)|cache/mnist-data/pixels/.*|home/\.cache(/Microsoft(/DeveloperTools(/\.onnxruntime(/.*)?)?)?)?"
)
"""Left by what we use: Dask's folder in TMPDIR, from which it removes what the dead have left when it next starts; the
file by which Python tries, before its first temporary file, whether TMPDIR can be written to; and what onnxruntime
writes of itself into HOME and TMPDIR. Names in the pixel cache depend on the times of files."""


def differences(expected: Mapping[str, str], left: Mapping[str, str]) -> str:
    """Say which files are missing, there without need, or of other content; empty where all is equal."""
    missing = sorted(name for name in expected.keys() - left.keys() if not OF_OTHERS.fullmatch(name))
    needless = sorted(name for name in left.keys() - expected.keys() if not OF_OTHERS.fullmatch(name))
    other = [name for name in sorted(expected.keys() & left.keys()) if expected[name] != left[name]]
    kinds = {"missing": missing, "left behind": needless, "of other content": other}
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)
