"""Attack the project's promises: `python -m tests.torture [PROMISE…] --seconds 600 --seed 1`.

Ends with 1 where a promise was broken. With --write the figures replace those of the promise in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import tempfile
import time
from pathlib import Path

from mnist_data.version import __version__
from tests.torture.attack import Attack, Promise
from tests.torture.promises import PROMISES

FIGURES = Path(__file__).parents[2] / "docs" / "reliability.md"


def attacked(promise: Promise, options: argparse.Namespace) -> Attack:
    """Attack one promise, and print what came of it."""
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        attack = Attack(Path(folder), options.seed, options.tries, options.seconds, options.first)
        begin = time.monotonic()
        promise.attack(attack)
    outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(attack.outcomes.items()))
    print(f"{promise.name}: {promise.text}\n  {outcomes} in {time.monotonic() - begin:.0f} s", flush=True)
    for finding in attack.findings:
        print(f"  {finding}", flush=True)
    return attack


def row(promise: Promise, attack: Attack, options: argparse.Namespace) -> str:
    """Write a promise's row of docs/reliability.md."""
    outcomes = ", ".join(f"{count:,} {name}" for name, count in sorted(attack.outcomes.items()))
    limit = f"--tries {options.tries} " if options.tries else ""
    command = f"python -m tests.torture {promise.name} --seed {options.seed} {limit}--seconds {options.seconds:g}"
    made = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, version {__version__}, Python {platform.python_version()}"
    return f"| {promise.text} | {outcomes} | `{command}` | {made} |"


def write(promise: Promise, line: str) -> None:
    """Replace the figures of a promise in docs/reliability.md, or add them to its table."""
    lines = FIGURES.read_text("utf-8").splitlines()
    [head] = [number for number, text in enumerate(lines) if text.startswith("| promise | ")]
    end = next(n for n in range(head, len(lines) + 1) if n == len(lines) or not lines[n].startswith("|"))
    own = [n for n in range(head + 2, end) if lines[n].startswith(f"| {promise.text} |")]
    lines[own[0] if own else end : own[0] + 1 if own else end] = [line]
    FIGURES.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> int:
    """Attack the promises named, or all; gives 1 where one was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("promises", nargs="*", metavar="PROMISE", help=", ".join(each.name for each in PROMISES))
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each promise (default: 60)")
    parser.add_argument("--tries", type=int, help="number of tries for each promise, if the time is enough")
    parser.add_argument("--first", type=int, default=0, help="number of the first try, to make a finding again")
    parser.add_argument("--seed", type=int, default=0, help="what all choices are drawn from (default: 0)")
    parser.add_argument("--write", action="store_true", help=f"write the figures to {FIGURES.name}")
    options = parser.parse_args()
    named = {each.name: each for each in PROMISES}
    if unknown := sorted({*options.promises} - {*named}):
        parser.error(f"there is no promise {', '.join(unknown)}; it can be {', '.join(named)}")
    broken = False
    for promise in [named[name] for name in options.promises] or PROMISES:
        attack = attacked(promise, options)
        broken |= bool(attack.findings)
        if options.write:
            write(promise, row(promise, attack, options))
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
