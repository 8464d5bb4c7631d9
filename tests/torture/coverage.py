"""Readers written in Python under libFuzzer, which keeps the inputs that reach new code and mutates these further."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.torture.attack import Attack

FORMS = ("idx plain", "csv", "libsvm", "arff", "npy", "matlab")
"""Forms whose files are read, or checked before a library reads them, by Python code of ours."""

NOT_HERE = "forms left out, as atheris is not installed"


def attack_by_coverage(attack: Attack) -> None:
    """Let libFuzzer mutate the files of each form for an equal share of the time, each in a process of its own."""
    if find_spec("atheris") is None:  # it has wheels for few versions of Python, so nothing depends on it
        attack.outcomes[NOT_HERE] += len(FORMS)
        return
    for number, form in enumerate(FORMS):
        folder = attack.folder / str(number)
        folder.mkdir()
        words = [form, str(folder), str(attack.seconds / len(FORMS)), str(attack.seed)]
        command = [sys.executable, "-m", "tests.torture.fuzzed", *words]
        ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, errors="replace")
        inputs = re.search(r"stat::number_of_executed_units:\s+(\d+)", ended.stderr)
        attack.outcomes[f"inputs as {form}"] += int(inputs.group(1)) if inputs else 0
        if ended.returncode:
            attack.find(number, f"{form}: exit code {ended.returncode}: {_described(ended.stdout, ended.stderr)}")


def _described(out: str, err: str) -> str:
    """Give what atheris prints of an exception, else the end of what libFuzzer prints."""
    _, uncaught, error = (out + err).partition("=== Uncaught Python exception: ===")
    return error[:1_500] if uncaught else err[-1_500:]
