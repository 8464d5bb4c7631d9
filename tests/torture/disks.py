"""Full and hostile disks: each command ends with 2 and names the file, or with 0 and the right output; never otherwise.

Then, on a good disk, the same command completes, with the right bytes, and leaves nothing else.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.torture.attack import Attack
from tests.torture.commands import Workshop, possible, workshop
from tests.torture.forked import Ended, Start, call, running
from tests.torture.kills import Unbroken, differences, in_turn

NOBODY = 65534
"""Another user, to whom root can give files."""

FAR = 4_000_000_000
"""A time in 2096: what a clock that was put back has written before."""

NAMES = [
    b"a\xff\xfe", "\u00fcml\u00e4ut".encode(), b"x" * 240, b"a\nb", b"-x", b"it's \"q\"", "\U0001f600".encode(),
    b" a b ",
    b"[a]*?", b"a%25#&;$HOME", b"a\\b", b"~x", b"<b>&amp;", "\u202eabc".encode(), b"x.tmp", b".hidden",
]  # fmt: skip

Trouble = Callable[["Place"], Ended]


@dataclass
class Place:
    """Where one try happens. usual: the command without trouble. chance: of the try's choices."""

    shop: Workshop
    words: str
    usual: Unbroken
    chance: random.Random
    output: Path

    def start(self, **options: object) -> Start:
        """Give the start of the command."""
        return self.shop.start(self.words, **options)

    def call(self, **options: object) -> Ended:
        """Run the command."""
        return call(self.start(**options), self.output / "troubled")

    def with_environment(self, changes: Mapping[str, str | None]) -> Ended:
        """Run the command with other variables."""
        start = self.start()
        return call(replace(start, environment={**start.environment, **changes}), self.output / "troubled")


def attack_by_disks(attack: Attack) -> None:
    """Run each command in turn in a trouble that is drawn."""
    troubles = possible_troubles()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder, workshop(Path(folder)) as shop:
        Path(folder).chmod(0o755)  # other users come in, too
        commands = [words for words in possible().values() if not {"--workers", "sample"} & {*words.split()}]
        for number, words, usual in in_turn(attack, shop, commands):
            chance = attack.chance(number)
            trouble, cause = chance.choice(troubles)
            shop.clear()
            end = cause(Place(shop, words, usual, chance, shop.root / "output"))
            _give_back(shop.root)
            if broken := what_is_broken(shop, words, usual, end):
                attack.find(number, f"{words}: {trouble}: {broken}")
            else:
                attack.count(f"{trouble}: {'completed' if end.code == 0 else 'refused'}")


def what_is_broken(shop: Workshop, words: str, usual: Unbroken, end: Ended) -> str:
    """Say what is wrong with how a command ended, and with what the next call makes of it."""
    if end.code != 0 and not end.is_refusal:
        return f"ends with {end.code}: {end.err[-1500:]}"
    if end.code == 2 and not any(place in end.err for place in ("/", "out", "working directory")):
        return f"names no file: {end.err}"
    again = call(shop.start(words), shop.root / "output" / "again")
    if again.code != 0 and not (again.code == 2 and "exists already" in again.err):
        return f"{end.err.strip()!r}, and the next call ends with {again.code}: {again.err[-1500:]}"
    left = shop.left()
    expected = {path: content for path, content in usual.left.items() if path in left or path.startswith("place")}
    wrong = differences(expected, left)
    return f"after {end.err.strip()!r} and another call: {wrong}" if wrong else ""


def _give_back(root: Path) -> None:
    """Take back what a trouble has done to rights, times and mounts."""
    for name in ("place", "tmp", "cache", "home"):
        (root / name).mkdir(exist_ok=True)
        for path in [root / name, *(root / name).rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
            os.chown(path, os.getuid(), os.getgid())


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Mount a small disk in a folder."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    try:
        yield
        kept = folder.with_name(f"{folder.name}-kept")
        shutil.copytree(folder, kept, symlinks=True)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
    shutil.rmtree(folder)
    kept.rename(folder)


def can_mount() -> bool:
    """Say whether this process may mount a disk."""
    if os.geteuid():
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder, "disk"), 64):
                return True
        except (OSError, subprocess.CalledProcessError):  # a container may not
            return False


def full(place: Place) -> Ended:
    """Let no file grow beyond a size, as on a full disk."""
    return place.call(files=int(2 ** place.chance.uniform(0, 18)))


def full_disk(name: str) -> Trouble:
    """Give what mounts a disk that is full at some stage."""

    def cause(place: Place) -> Ended:
        with small_disk(place.shop.root / name, 4 * int(2 ** place.chance.uniform(0, 9))):
            return place.call()

    return cause


def read_only(name: str) -> Trouble:
    """Give what takes the right to write to a folder."""

    def cause(place: Place) -> Ended:
        (place.shop.root / name).chmod(place.chance.choice([0o555, 0o500, 0o000]))
        return place.call(rights=False)

    return cause


def vanishing(place: Place) -> Ended:
    """Remove the folder while the command works in it."""
    with running(place.start(), place.output / "troubled") as process:
        process.ends_within(place.chance.uniform(0, place.usual.seconds))
        shutil.rmtree(place.shop.place, ignore_errors=True)
        end = process.wait()
    place.shop.place.mkdir(exist_ok=True)
    return end


def another_users(place: Place) -> Ended:
    """Let the output belong to another user."""
    words = place.words.replace("--overwrite", "")
    call(place.shop.start(words), place.output / "former")
    for path in [place.shop.place, *place.shop.place.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    end = replace(place, words=f"{words} --overwrite").call(rights=False)
    _give_back(place.shop.root)
    place.shop.clear()
    return end


def future(place: Place) -> Ended:
    """Let the clock have been put back: what was written before is of the future."""
    call(place.start(), place.output / "former")
    for path in place.shop.root.glob("[ch]*/**/*"):
        os.utime(path, (FAR, FAR))
    shutil.rmtree(place.shop.place)
    place.shop.place.mkdir()
    return place.call()


def named(place: Place) -> Ended:
    """Give the output a name as no sensible person would."""
    name = os.fsdecode(place.chance.choice(NAMES))
    language = place.chance.choice([{}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
    start = place.start()
    words = tuple(word.replace("out", f"./{name}", 1) if word.startswith("out") else word for word in start.words)
    start = replace(start, words=words, environment={**start.environment, **language})
    end = call(start, place.output / "troubled")
    left, expected = len([*place.shop.place.rglob("*")]), sum(path.startswith("place/") for path in place.usual.left)
    place.shop.clear()
    if left != (expected if end.code == 0 else 0):
        return Ended(None, end.out, f"{left} files and folders after {name!r} and the exit code {end.code}: {end.err}")
    return end


def possible_troubles() -> list[tuple[str, Trouble]]:
    """List the troubles that this process can make; most need root."""
    troubles: dict[str, Trouble] = {
        "files that cannot grow": full,
        "vanishing folder": vanishing,
        "names": named,
        "HOME that is not there": lambda place: place.with_environment({"HOME": "/nowhere", "MNIST_DATA_CACHE": None}),
        "TMPDIR that is not there": lambda place: place.with_environment({"TMPDIR": "/nowhere"}),
        "cache that cannot be": lambda place: place.with_environment({"MNIST_DATA_CACHE": "/dev/null/x"}),
        "umask 000": lambda place: place.call(umask=0),
        "umask 077": lambda place: place.call(umask=0o077),
        "clock put back": future,
    }
    if can_mount():
        troubles |= {f"full disk for {name}": full_disk(name) for name in ("place", "tmp", "cache")}
    if os.geteuid() == 0:
        troubles |= {f"no rights to {name}": read_only(name) for name in ("place", "tmp", "cache", "home")}
        troubles |= {"another user's output": another_users}
    return list(troubles.items())
