"""The tests of what publishers state of their own: how many samples, classes and writers, balance, leaks, files."""

from __future__ import annotations

from collections.abc import Mapping

from mnist_data.idx.names import looks_like_idx
from mnist_data.known.catalog import CATALOG
from mnist_data.known.label_tables import WRITER
from mnist_data.parquet.schema import Source
from pipelines.claims.facts import Facts
from pipelines.claims.outcomes import Outcome, class_counts, even_classes, every, no_duplicates, span


def total_samples(facts: Facts, samples: int) -> Outcome:
    """Test whether all splits together have so many samples, whatever the splits are called."""
    total = sum(facts.splits.values())
    return Outcome(total == samples, f"{total:,}", {"samples": total})


def class_count(facts: Facts, classes: int) -> Outcome:
    """Test whether samples of just so many classes occur."""
    if facts.samples.empty:
        return Outcome(None, "no samples", needs="samples")
    labels = facts.samples["label"].nunique()
    return Outcome(labels == classes, f"{labels:,} classes", {"classes": labels})


def balanced_classes(facts: Facts) -> Outcome:
    """Test whether all classes of a split have exactly as many samples, in each split."""
    counts = class_counts(facts)
    figure = "; ".join(f"{split}: {span(found)} a class" for split, found in counts.items()) or "no samples"
    numbers = {f"{split}_smallest": int(found.min()) for split, found in counts.items()}
    numbers |= {f"{split}_largest": int(found.max()) for split, found in counts.items()}
    verdict = every(bool(found.min() == found.max()) if len(found) > 1 else None for found in counts.values())
    return Outcome(verdict, figure, numbers, "two classes or more in each split")


def uneven_classes(facts: Facts, level: float) -> Outcome:
    """Test whether the classes of some split are more uneven than chance makes them: the reverse of `even_classes`."""
    even = even_classes(facts, level)
    return Outcome(None if even.verdict is None else not even.verdict, even.figure, even.numbers, even.needs)


def no_leaks(facts: Facts) -> Outcome:
    """Test whether no image of one split is in another, pixel for pixel; copies within a split do not count."""
    if sum(samples > 0 for samples in facts.splits.values()) < 2:
        return Outcome(None, "samples of one split only", needs="samples in two splits")
    across = int(no_duplicates(facts).numbers["across"])
    return Outcome(not across, f"{across:,} images are in two splits", {"across": across})


def writer_count(facts: Facts, writers: int) -> Outcome:
    """Test whether just so many people have written the samples."""
    if WRITER not in facts.samples:
        return Outcome(None, "the writers are not known", needs=f"a column {WRITER} that names who wrote each sample")
    there = facts.samples[WRITER].nunique()
    return Outcome(there == writers, f"{there:,} writers", {"writers": there})


def published_files(facts: Facts, dataset: str) -> Outcome:
    """Test whether the IDX files that the dataset was made from hold what the publisher's hold.

    dataset: its name in the catalogue. Files are compared once unpacked, so that another packing is no difference; of a
    file whose unpacked content is not known there nothing is decided.
    """
    sources = facts.metadata.sources
    if not sources:
        return Outcome(None, "the source files are not known", needs="a dataset converted from its files")
    contents = CATALOG[dataset].contents
    verdicts = {f"{source.split} {source.role}": _as_published(source, contents) for source in sources}
    words = {True: "as published", False: "not as published", None: "nothing to compare with"}
    figure = "; ".join(
        f"{words[verdict]}: {', '.join(part for part, decided in verdicts.items() if decided is verdict)}"
        for verdict in (True, False, None)
        if verdict in verdicts.values()
    )
    needs = f"hashes of unpacked files; those of packed ones are compared by mnist-data fetch {dataset}"
    return Outcome(every(verdicts.values()), figure, {"files": len(sources)}, needs)


def _as_published(source: Source, contents: Mapping[str, str]) -> bool | None:
    part = f"{source.split} {source.role}"
    if contents.get(source.sha256) == part:
        return True
    return False if part in contents.values() and looks_like_idx(source.name) else None
