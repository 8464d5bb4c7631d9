"""A guard against stages that leave little: a split or class that would lose most of its samples stops the work."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_data.errors import CheckFailed
from pipelines.images.measures.table import MeasureTable

MOST_LOST = 0.5
"""The fraction of its samples that a split, or a class of a split, may lose."""


def require_enough_left(table: MeasureTable, rows: npt.NDArray[np.int64], reasons: npt.NDArray[Any]) -> None:
    """Raise CheckFailed where a split, or a class of one, would lose more than MOST_LOST of its samples.

    rows, reasons: of each finding for which a sample is removed, its position and why. Samples whose label is no class
    count for their split only.
    """
    removed, bad_label = np.zeros(len(table), bool), np.zeros(len(table), bool)
    removed[rows], bad_label[rows[reasons == "label"]] = True, True
    for split in table.source.splits:
        of_split = table.splits == split
        groups = {f"split {split!r}": of_split}
        for label in np.unique(table.labels[of_split & ~bad_label]).tolist():
            name = f"class {table.source.metadata.class_name(label)} of split {split!r}"
            groups[name] = of_split & ~bad_label & (table.labels == label)
        for name, members in groups.items():
            samples, lost = int(members.sum()), int((members & removed).sum())
            if lost > MOST_LOST * samples:
                counts = Counter(reasons[members[rows]].tolist()).most_common()
                words = ", ".join(f"{reason}: {count:,}" for reason, count in counts)
                worst = counts[0][0]
                is_rule = worst != "removed_by_decision"
                keep = f"Keep them with --{worst.replace('_', '-')} keep" if is_rule else "Take decisions back"
                raise CheckFailed(
                    f"{table.source.location}: cleaning would remove {lost:,} of the {samples:,} samples of {name} "
                    f"({words}); nothing was written. {keep}, or go on "
                    "with --allow-loss; in the settings of a run these stand in the table [clean]."
                )
