"""What people have decided about samples, as findings of the cleaning; a person's decision overrides a rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.errors import WrongUse
from mnist_data.parquet.corrections import Corrections, corrections_then, read_corrections
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions_table import Decision
from pipelines.images.measures.table import MeasureTable
from pipelines.settings.stages import DIGEST

REMOVED, RELABELLED = "removed_by_decision", "relabelled_by_decision"
"""The reasons of what a person has decided."""

ACTIONS = {"remove": (REMOVED, "remove"), "relabel": (RELABELLED, "repair")}
"""What is decided -> the reason and the action of its finding; what is kept, or unsure, is none of its own."""

Texts = npt.NDArray[np.object_]


def corrections_for(source: Dataset, named: str) -> Corrections:
    """Read decisions. named: their place, or the hash that is recorded of those that lie next to the source.

    Raises WrongUse where there are none, and what `read_corrections` raises.
    """
    if not DIGEST.fullmatch(named):
        return read_corrections(named)
    corrections = corrections_then(source, named)
    if corrections is None:
        raise WrongUse(f"The decisions next to {source.location} were never those with the hash {named}.")
    return corrections


def decided_rows(table: MeasureTable, corrections: Corrections) -> dict[int, Decision]:
    """Give the decisions about samples of a dataset by their positions in it, counted from 0, in this order."""
    by_id = {decision.id: decision for decision in corrections.decisions}
    rows = np.flatnonzero(np.isin(table.ids, np.array(list(by_id), np.int64)))
    return {int(row): by_id[int(table.ids[row])] for row in rows}


def new_findings(decided: dict[int, Decision], labels: Integers, path: str) -> tuple[Integers, Texts, Texts, Texts]:
    """List what is to be removed and relabelled: row, reason, action and detail, (findings,) each.

    labels: (n,) int64, those of all samples. A label that is the new one already is no finding.
    """
    listed = [
        (row, *ACTIONS[decision.decision], _detail(decision, int(labels[row]), path))
        for row, decision in decided.items()
        if decision.decision in ACTIONS and decision.label != labels[row]
    ]
    rows, *texts = zip(*listed, strict=True) if listed else ((), (), (), ())
    reasons, actions, details = (np.array(values, object) for values in texts)
    return np.array(rows, np.int64), reasons, actions, details


def overrule(
    decided: dict[int, Decision], rows: Integers, reasons: Texts, actions: Texts, originals: Integers, path: str
) -> tuple[Texts, list[str]]:
    """Give the actions of the rules' findings as people have decided, and what to add to the detail of each.

    rows, reasons, actions: (findings,). originals: (n,) int64, of each sample the row of the first with its pixels.

    A sample that is to be kept is neither removed nor repaired. One with a corrected label is not removed for the label
    that it had. Of copies whose original a person removes, the first that is left takes its place.
    """
    actions, added = actions.copy(), [""] * len(rows)
    heirs: set[int] = set()
    for place, row in enumerate(rows.tolist()):
        own, original = decided.get(row), decided.get(int(originals[row]))
        is_copy = reasons[place] == "duplicate" and originals[row] not in heirs
        if own is not None and _overrules(own, str(reasons[place])):
            actions[place], added[place] = "keep", f"kept, {_by(own, path)}"
        elif is_copy and original is not None and original.decision == "remove":
            heirs.add(int(originals[row]))
            actions[place], added[place] = "keep", f"kept, as the other is removed, {_by(original, path)}"
    return actions, added


def _overrules(decision: Decision, reason: str) -> bool:
    return decision.decision == "keep" or (decision.decision == "relabel" and reason == "label")


def _detail(decision: Decision, label: int, path: str) -> str:
    change = f"{label} → {decision.label}, " if decision.decision == "relabel" else ""
    return f"{change}{_by(decision, path)}"


def _by(decision: Decision, path: str) -> str:
    """Name who decided, when and why; of a table without persons its file."""
    day = f" on {decision.when:%Y-%m-%d}" if decision.when else ""
    note = f": {decision.note}" if decision.note else ""
    return f"by {decision.who or Path(path).name}{day}{note}"
