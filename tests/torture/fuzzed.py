"""One reader under libFuzzer: `python -m tests.torture.fuzzed FORM FOLDER SECONDS SEED`, a process of its own.

It mutates what has reached new lines and comparisons before (atheris). What numba compiles stays without instruments,
as it would not compile with them. Ends with libFuzzer's exit code, and prints the error of ours that broke the promise.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from mnist_data.errors import MnistDataError
from mnist_data.images_in.text import number_text, pair_text  # noqa: F401  (before the instruments)

TIMEOUT, MEGABYTES, LONGEST = 10, 2_048, 65_536
"""Seconds of one input, megabytes of the process, and bytes of an input: what libFuzzer ends with a finding."""


def main() -> None:
    """Write the seeds of a form as the corpus, and mutate the largest file of each until the time is over."""
    import atheris  # has wheels for few versions of Python; tests are collected where it is missing, too

    form, folder, seconds, seed = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    with atheris.instrument_imports(include=["mnist_data"]):
        from tests.torture.readers import _require_short, read, seeds

        whole = min(seeds()[form], key=lambda each: (len(each.files), each.name))
        opened = whole.write(folder / "source")
        read(opened)  # imports the rest
    name = max(whole.files, key=lambda each: len(whole.files[each]))
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "whole").write_bytes(whole.files[name])
    damaged = folder / "source" / name

    def one_input(content: bytes) -> None:
        damaged.write_bytes(content)
        try:
            read(opened)
        except MnistDataError as error:
            _require_short(error)

    warnings.simplefilter("ignore")
    limits = [f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEGABYTES}", f"-max_len={LONGEST}"]
    flags = [
        *limits,
        f"-max_total_time={seconds:.0f}",
        f"-seed={seed + 1}",
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *flags], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
