"""Figures of docs/drift.md: distances between real datasets, and what random halves of MNIST give.

Writes the tables into docs/drift.md, and MNIST's train against its test split, which `mnist-data drift` ships as its
reference. `tests/pipelines/drift` compares what is written with what the tool gives. About four minutes of one core:

    python -m benchmarks.drift FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd

import mnist_data
from benchmarks.measure import real_data
from mnist_data.idx import format as idx
from mnist_data.parquet.dataset import Dataset, open_dataset
from pipelines.drift.compare import AUC, REFERENCE, compare_sides, drift
from pipelines.drift.gather import Choice, Side, gather
from pipelines.engine.execution import Execution
from pipelines.settings.analysis import Drift

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/drift.md"
BEGIN, END = "<!-- {name}: written by `python -m benchmarks.drift` -->", "<!-- end of {name} -->"

PAIRS = "MNIST train → test", "sample train → test", "MNIST → sample", "MNIST → Fashion-MNIST", "MNIST → Bangla"
SHOWN = ("thickness", "slant", "ink")

HALVES, SAMPLES, SEED = 500, 250, 31
"""Pairs of random samples of MNIST, the samples of each side, and the seed; the interval was not chosen by these."""

POOL = 20_000
"""Samples of MNIST that the halves are drawn from."""


def main(folder: Path) -> int:
    """Measure, and write the tables and the reference."""
    if None in (real_data(name) for name in ("mnist", "fashion-mnist", "cmaterdb-bangla")):
        return 0
    sides = {name: make(folder) for name, make in _choices().items()}
    results = {name: drift(*choices) for name, choices in sides.items()}
    write_block("verdict", verdict_text(results[PAIRS[0]]["drift_verdict"], sides[PAIRS[0]][0].dataset))
    tables = {name: result["drift"] for name, result in results.items()}
    write_block("distances", distances_table(tables))
    reference = tables[PAIRS[0]][["feature", "measure", "value", "low", "high", "null_95"]]
    reference.to_csv(ROOT / "pipelines/drift" / REFERENCE, index=False, float_format="%.8g")
    whole = sides[PAIRS[2]][0]
    pool = gather(whole, POOL, Execution())
    write_block("random halves", halves_table(null_comparisons(pool, HALVES, SAMPLES, SEED)))
    return 0


def between_splits(dataset: Dataset) -> tuple[Choice, Choice]:
    """Give the train and the test split."""
    return Choice(dataset, ("train",), "train"), Choice(dataset, ("test",), "test")


def _choices() -> dict[str, Callable[[Path], tuple[Choice, Choice]]]:
    def whole(folder: Path, name: str) -> Choice:
        dataset = _dataset(folder, name)
        return Choice(dataset, tuple(dataset.splits), dataset.location)

    return {
        PAIRS[0]: lambda folder: between_splits(_dataset(folder, "mnist")),
        PAIRS[1]: lambda folder: between_splits(_dataset(folder, "sample")),
        PAIRS[2]: lambda folder: (whole(folder, "mnist"), whole(folder, "sample")),
        PAIRS[3]: lambda folder: (whole(folder, "mnist"), whole(folder, "fashion-mnist")),
        PAIRS[4]: lambda folder: (whole(folder, "mnist"), whole(folder, "bangla")),
    }


def _dataset(folder: Path, name: str) -> Dataset:
    """Convert, once."""
    place = folder / name
    if not place.is_dir():
        mnist_data.convert(_source(folder, name), place)
    return open_dataset(place)


def _source(folder: Path, name: str) -> str:
    if name == "sample":
        return name
    if name == "bangla":
        return _bangla_as_idx(Path(str(real_data("cmaterdb-bangla"))), folder / "bangla-idx")
    return str(real_data(name))


def _bangla_as_idx(source: Path, target: Path) -> str:
    """Write one of the three equal channels, white on black as MNIST is."""
    target.mkdir(parents=True, exist_ok=True)
    for archive, name in (("training", "train"), ("testing", "t10k")):
        arrays = np.load(source / f"{archive}-images.npz")
        idx.write(target / f"{name}-images-idx3-ubyte", 255 - arrays["images"][..., 0])
        idx.write(target / f"{name}-labels-idx1-ubyte", arrays["labels"].astype(np.uint8))
    return str(target)


def verdict_text(verdict: pd.DataFrame, dataset: Dataset) -> str:
    """Write a verdict as Markdown, with a location of anybody's. verdict: `drift_verdict`."""
    text = str(verdict["verdict"].iloc[0]).replace(dataset.location, "data/mnist")
    return "\n".join(f"> {line}" for line in wrap(text, 120))


def distances_table(tables: dict[str, pd.DataFrame]) -> str:
    """Write the classifiers and three features of each pair, a row each, as Markdown."""
    lines = [
        "| A → B | AUC features | AUC pixels | thickness (W) | slant (W) | ink (W) | significant |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(f"| {name} | {' | '.join(cells_of(table))} |" for name, table in tables.items()),
    ]
    return "\n".join(lines)


def cells_of(table: pd.DataFrame) -> list[str]:
    """Write the cells of one pair, but for its name. table: `drift`."""
    rows = table.set_index(["feature", "measure"])
    classifiers = [rows.loc[key] if key in rows.index else None for key in (("all_features", AUC), ("all_pixels", AUC))]
    distances = table[table["measure"] != AUC]
    differing = distances.loc[distances["significant"], "feature"].nunique()
    return [
        *("–" if row is None else f"{row['value']:.3f} ({row['low']:.3f} – {row['high']:.3f})" for row in classifiers),
        *(f"{rows.loc[(name, 'wasserstein'), 'value']:.3f}" for name in SHOWN),
        f"{differing} of {distances['feature'].nunique()} features",
    ]


def null_comparisons(pool: Side, halves: int, samples: int, seed: int) -> pd.DataFrame:
    """Compare random samples of one pool, of which none differs from another, a row each.

    features_covered, pixels_covered: whether the interval of the AUC holds 0.5. distances_flagged, classifiers_flagged,
    any_flagged: whether a row of the kind is significant.
    """
    generator = np.random.default_rng(seed)
    return pd.DataFrame([_null_comparison(pool, generator, samples, number) for number in range(halves)])


def _null_comparison(pool: Side, generator: np.random.Generator, samples: int, number: int) -> dict[str, bool]:
    places = generator.permutation(len(pool))
    sides = (pool.take(np.isin(np.arange(len(pool)), part)) for part in (places[:samples], places[samples:][:samples]))
    table = compare_sides(*sides, Drift(resamples=20, seed=number))
    auc = table[table["measure"] == AUC].set_index("feature")
    covered = (auc["low"] <= 0.5) & (auc["high"] >= 0.5)
    return {
        "features_covered": bool(covered["all_features"]),
        "pixels_covered": bool(covered["all_pixels"]),
        "distances_flagged": bool(table.loc[table["measure"] != AUC, "significant"].any()),
        "classifiers_flagged": bool(auc["significant"].any()),
        "any_flagged": bool(table["significant"].any()),
    }


def halves_table(comparisons: pd.DataFrame) -> str:
    """Write the rates of `null_comparisons`, with Wilson's 95 % intervals, as Markdown."""
    words = {
        "features_covered": "AUC of features: the interval holds 0.5",
        "pixels_covered": "AUC of pixels: the interval holds 0.5",
        "distances_flagged": "a distance is significant",
        "classifiers_flagged": "a classifier is significant",
        "any_flagged": "anything is significant",
    }
    rows = [f"| {text} | {_rate(comparisons[name])} |" for name, text in words.items()]
    head = f"| of {len(comparisons)} pairs of random samples, {SAMPLES} a side | rate |"
    return "\n".join([head, "| --- | --- |", *rows])


def _rate(outcomes: Iterable[bool]) -> str:
    from pipelines.networks.evaluation.scores import wilson

    kept = list(outcomes)
    low, high = wilson(sum(kept), len(kept))
    return f"{np.mean(kept):.1%} ({low:.1%} – {high:.1%})"


def block(name: str) -> str:
    """Give what stands in a block of docs/drift.md."""
    text = PAGE.read_text()
    return text.split(BEGIN.format(name=name))[1].split(END.format(name=name))[0].strip()


def write_block(name: str, content: str) -> None:
    """Replace a block of docs/drift.md."""
    text, begin, end = PAGE.read_text(), BEGIN.format(name=name), END.format(name=name)
    before, after = text.split(begin)[0], text.split(end)[1]
    PAGE.write_text(f"{before}{begin}\n{content}\n{end}{after}")
    print(f"{name}\n{content}", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
