"""The tests that a claim can be put to: each a pure function from facts to an outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mnist_data.known.label_tables import SERIES, WRITER
from pipelines.claims.facts import Facts
from pipelines.images.measures.pixels import DIGEST
from pipelines.networks.evaluation.scores import wilson

MOST_SIZES = 3
"""Sizes that are listed one by one; of more, the least and the greatest are given."""

FEWEST_EXPECTED = 5
"""Samples a class from which χ²'s distribution holds (Cochran, Biometrics 10, 1954)."""


@dataclass(frozen=True)
class Outcome:
    """What a test finds.

    verdict: whether the claim is true; None where that cannot be decided. figure: what was found, in words.
    needs: what would decide it, where it is not decided. numbers: the figure's numbers by name.
    """

    verdict: bool | None
    figure: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    needs: str = ""


def every(verdicts: Iterable[bool | None]) -> bool | None:
    """Say whether all hold: one that does not is enough for no, else one that is not known leaves it open.

    >>> every([True, None]), every([None, False]), every([])
    (None, False, None)
    """
    found = set(verdicts)
    if False in found:
        return False
    return None if None in found or not found else True


def sample_counts(facts: Facts, counts: Mapping[str, int]) -> Outcome:
    """Test whether each split has so many samples."""
    there = {split: facts.splits[split] for split in counts if split in facts.splits}
    verdict = every(there[split] == counts[split] if split in there else None for split in counts)
    figure = "; ".join(f"{split}: {samples:,}" for split, samples in there.items()) or "none of these splits"
    numbers = {f"{split}_samples": samples for split, samples in there.items()}
    return Outcome(verdict, figure, numbers, _missing(facts, counts))


def image_shape(facts: Facts, shape: Sequence[int]) -> Outcome:
    """Test whether each image is of this shape: height, width, and channels where there are some."""
    found = facts.metadata.shape
    return Outcome(found == tuple(shape), "×".join(map(str, found)), {"height": found[0], "width": found[1]})


def image_format(facts: Facts, shape: Sequence[int], dtype: str, classes: int, counts: Mapping[str, int]) -> Outcome:
    """Test whether shape, type, number of classes and samples are these."""
    size, samples = image_shape(facts, shape), sample_counts(facts, counts)
    kind, labels = facts.metadata.dtype, len(_labels(facts))
    verdict = every([size.verdict, kind == dtype, labels == classes, samples.verdict])
    figure = f"{size.figure} {kind}, {labels} classes; {samples.figure}"
    return Outcome(verdict, figure, {**size.numbers, "classes": labels, **samples.numbers}, samples.needs)


def pixel_range(facts: Facts, low: float, high: float) -> Outcome:
    """Test whether the pixels' least and greatest value are these, and all of them numbers."""
    pixels = facts.pixels
    if pixels.low > pixels.high:
        return Outcome(None, "no pixels", needs="samples")
    figure = f"{pixels.low:g} … {pixels.high:g}"
    figure += f"; {pixels.not_finite:,} are no numbers" if pixels.not_finite else ""
    verdict = (pixels.low, pixels.high, pixels.not_finite) == (low, high, 0)
    return Outcome(verdict, figure, {"low": pixels.low, "high": pixels.high, "not_finite": pixels.not_finite})


def background_is_zero(facts: Facts) -> Outcome:
    """Test whether more than half of the outermost pixels are 0: where the border is, there is the background."""
    pixels = facts.pixels
    if not pixels.border:
        return Outcome(None, "no pixels", needs="samples")
    fraction = pixels.border_zeros / pixels.border
    return Outcome(fraction > 0.5, f"{fraction:.2%} of the border's pixels are 0", {"zero_fraction": fraction})


def even_classes(facts: Facts, level: float) -> Outcome:
    """Test whether chance would make the classes of each split as uneven: Pearson's χ², p at or above the level."""
    from scipy.stats import chisquare

    verdicts: list[bool | None] = []
    words, numbers = [], dict[str, float]()
    for split, counts in class_counts(facts).items():
        verdicts.append(None)
        words.append(f"{split}: {span(counts)} a class")
        if len(counts) > 1 and counts.mean() >= FEWEST_EXPECTED:
            found = chisquare(counts)
            verdicts[-1] = bool(found.pvalue >= level)
            words[-1] += f"{_excess(counts)}, χ² = {found.statistic:,.1f}, {_p(found.pvalue)}"
            numbers |= {f"{split}_chi2": float(found.statistic), f"{split}_p": float(found.pvalue)}
        numbers |= {f"{split}_smallest": int(counts.min()), f"{split}_largest": int(counts.max())}
    needs = f"two classes or more, and {FEWEST_EXPECTED} samples a class in each split"
    return Outcome(every(verdicts), "; ".join(words) or "no samples", numbers, needs)


def samples_per_class(facts: Facts, counts: Mapping[str, int]) -> Outcome:
    """Test whether each class of a split has exactly so many samples."""
    there = {split: found for split, found in class_counts(facts).items() if split in counts}
    verdict = every(bool((there[split] == counts[split]).all()) if split in there else None for split in counts)
    figure = "; ".join(f"{split}: {span(found)} a class" for split, found in there.items()) or "no samples"
    numbers = {f"{split}_smallest": int(found.min()) for split, found in there.items()}
    numbers |= {f"{split}_largest": int(found.max()) for split, found in there.items()}
    return Outcome(verdict, figure, numbers, _missing(facts, counts) or "samples")


def no_duplicates(facts: Facts) -> Outcome:
    """Test whether no two samples have the same pixels, neither in one split nor in two."""
    if len(facts.samples) < 2:
        return Outcome(None, f"{len(facts.samples)} samples", needs="two samples or more")
    different = {split: facts.of(split)[list(DIGEST)].drop_duplicates() for split in facts.splits}
    numbers = {f"{split}_copies": facts.splits[split] - len(found) for split, found in different.items()}
    numbers["across"] = int(pd.concat(different.values()).duplicated().sum())
    figure = ", ".join(f"{numbers[f'{split}_copies']:,} copies within {split}" for split in facts.splits)
    figure += f", {numbers['across']:,} across splits" if len(facts.splits) > 1 else ""
    return Outcome(not any(numbers.values()), figure, numbers)


def no_faults(facts: Facts, checks: Sequence[str]) -> Outcome:
    """Test whether an audit flags no sample by any of these checks."""
    table = facts.audit
    needs = f"mnist-data audit, with the checks {', '.join(checks)}"
    if table is None:
        return Outcome(None, "no audit of this version of the data lies beside it", needs=needs)
    numbers = {check: int(table[f"is_{check}"].sum()) for check in checks if f"is_{check}" in table}
    found: list[bool | None] = [not numbers[check] if check in numbers else None for check in checks]
    figure = "suspected: " + ", ".join(f"{check} {count:,}" for check, count in numbers.items())
    return Outcome(every(found), figure if numbers else "the audit has none of these checks", numbers, needs)


def ink_in_box(facts: Facts, side: int) -> Outcome:
    """Test whether the box of each sample's ink is no larger than this, in pixels; blank samples are not judged."""
    inked = facts.samples[facts.samples["side"] > 0]
    if inked.empty:
        return Outcome(None, "no ink", needs="samples with ink")
    figures, numbers = [], dict[str, float]()
    for split in facts.splits:
        sizes = inked.loc[inked["split"] == split, "side"].value_counts()
        if sizes.empty:
            continue
        listed = ", ".join(f"{size} px in {count:,}" for size, count in sizes.items())
        figures.append(f"{split}: " + (listed if len(sizes) <= MOST_SIZES else f"{span(sizes.index.to_numpy())} px"))
        numbers |= {f"{split}_{size}": int(count) for size, count in sizes.items()}
    return Outcome(bool((inked["side"] <= side).all()), "larger side, " + "; ".join(figures), numbers)


def ink_centred(facts: Facts, low: float, high: float, tolerance: float) -> Outcome:
    """Test whether the centre of mass lies in low … high on both axes, in index coordinates.

    tolerance: the fraction of a split's samples that may lie elsewhere. Blank samples are not judged.
    """
    inked = facts.samples[facts.samples["row"].notna()]
    if inked.empty:
        return Outcome(None, "no ink", needs="samples with ink")
    outside = pd.DataFrame({axis: ~inked[axis].between(low, high) for axis in ("row", "column")})
    words, numbers, verdicts = [], dict[str, float](), []
    for split in inked["split"].unique():
        here = outside[inked["split"] == split]
        rows, columns = int(here["row"].sum()), int(here["column"].sum())
        verdicts.append(bool(here.any(axis=1).mean() <= tolerance))
        words.append(f"{split}: outside {rows:,} by row, {columns:,} by column")
        numbers |= {f"{split}_outside_by_row": rows, f"{split}_outside_by_column": columns}
    return Outcome(every(verdicts), f"[{low:g}, {high:g}], " + "; ".join(words), numbers)


def different_writers(facts: Facts, splits: Sequence[str]) -> Outcome:
    """Test whether no one has written samples of two of these splits."""
    if WRITER not in facts.samples:
        needs = f"a column {WRITER}; for MNIST: mnist-data convert … --label-tables DIR, with QMNIST's label tables"
        return Outcome(None, "the writers are not known", needs=needs)
    writers = {split: set(facts.of(split)[WRITER]) for split in splits if facts.splits.get(split)}
    shared = sum(map(len, writers.values())) - len(set().union(*writers.values()))
    figure = "; ".join(f"{split}: {len(found):,} writers" for split, found in writers.items()) + f"; shared: {shared:,}"
    numbers = {f"{split}_writers": len(found) for split, found in writers.items()} | {"shared": shared}
    decided = False if shared else (True if len(writers) == len(splits) else None)
    return Outcome(decided, figure, numbers, _missing(facts, splits) or "samples in each split")


def labels_beside_images(facts: Facts) -> Outcome:
    """Test whether images and labels of a split stand in one file, each image with its label."""
    names: dict[str, dict[str, str]] = {}
    for source in facts.metadata.sources:
        names.setdefault(source.split, {})[source.role] = source.name
    pairs = {split: found for split, found in names.items() if {"images", "labels"} <= set(found)}
    if not pairs:
        return Outcome(None, "the source files are not known", needs="a dataset converted from its files")
    together = every(found["images"] == found["labels"] for found in pairs.values())
    files = {name for found in pairs.values() for name in found.values()}
    figure = "; ".join(" and ".join(dict.fromkeys((found["images"], found["labels"]))) for found in pairs.values())
    return Outcome(together, figure, {"splits": len(pairs), "files": len(files)})


def first_half_easier(facts: Facts, split: str, level: float) -> Outcome:
    """Test whether more predictions are right in the first half of a split than in the second: Fisher's exact test.

    The accuracies have 95 % Wilson intervals. A difference that chance can make, at this level, decides nothing.
    """
    samples = facts.of(split)
    halves = np.array_split(np.arange(len(samples)), 2)
    written = _series([samples.iloc[half] for half in halves])
    if facts.predictions is None:
        return Outcome(None, f"no predictions{written}", needs="--predictions FILE, of mnist-data train")
    told = facts.predictions.drop_duplicates("id").set_index("id").reindex(samples["id"])
    right = told["correct"]
    if not len(right) or right.isna().any():
        figure = f"{right.notna().sum():,} of {len(right):,} samples of {split} are predicted"
        return Outcome(None, figure + written, needs=f"predictions of the whole split {split}")
    if (told["label"].to_numpy() != samples["label"].to_numpy()).any():
        return Outcome(None, f"the predictions have other labels{written}", needs="predictions of this dataset")
    return _compare([right.iloc[half].astype(bool) for half in halves], level, written)


def _compare(halves: Sequence[pd.Series[bool]], level: float, written: str) -> Outcome:
    from scipy.stats import fisher_exact

    words, numbers, table = [], dict[str, float](), []
    for name, right in zip(("first", "second"), halves, strict=True):
        correct, samples = int(right.sum()), len(right)
        if not samples:
            return Outcome(None, "one sample", needs="two samples or more")
        low, high = wilson(correct, samples)
        table.append((correct, samples - correct))
        words.append(f"{name} half {correct / samples:.2%} ({low:.2%} … {high:.2%})")
        numbers |= {f"{name}_accuracy": correct / samples, f"{name}_low": low, f"{name}_high": high}
    p = float(fisher_exact(table).pvalue)
    decided = numbers["first_accuracy"] > numbers["second_accuracy"] if p < level else None
    needs = "more samples, or a model of more errors: chance can make this difference"
    return Outcome(decided, "accuracy: " + ", ".join(words) + f", {_p(p)}{written}", {**numbers, "p": p}, needs)


def _series(halves: Sequence[pd.DataFrame]) -> str:
    """Say who wrote the halves, where it is known."""
    if SERIES not in halves[0]:
        return ""
    told = []
    for name, half in zip(("first", "second"), halves, strict=True):
        listed = ", ".join(f"{count:,} of series {series}" for series, count in half[SERIES].value_counts().items())
        told.append(f"{name}: {listed}")
    return "; written: " + "; ".join(told)


def _missing(facts: Facts, splits: Iterable[str]) -> str:
    missing = [split for split in splits if split not in facts.splits]
    return f"the split {', '.join(missing)}, which the dataset lacks" if missing else ""


def _labels(facts: Facts) -> list[int]:
    """Give the classes: those that have a name, and all that occur."""
    return sorted({*range(len(facts.metadata.classes)), *facts.samples["label"].unique().tolist()})


def class_counts(facts: Facts) -> dict[str, pd.Series[int]]:
    """Count the samples of each class in each split that has any."""
    labels = _labels(facts)
    counts = {split: facts.of(split)["label"].value_counts().reindex(labels, fill_value=0) for split in facts.splits}
    return {split: found for split, found in counts.items() if found.any()}


def span(values: pd.Series[int] | np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    """Write the smallest and the largest of some counts, or the one that all are."""
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} … {high:,}"


def _excess(counts: pd.Series[int]) -> str:
    """Say by how much the classes differ."""
    low, high = int(counts.min()), int(counts.max())
    return f", the largest {high / low - 1:.1%} above the smallest" if 0 < low < high else ""


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 1e-300 else "p < 1e-300"
