"""decisions: what people have decided about samples, counted, compared, and brought to a spreadsheet and back."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mnist_data.api.results import Result
from mnist_data.api.sources import Place, dataset_of, location_of
from mnist_data.errors import WrongUse

if TYPE_CHECKING:
    from mnist_data.parquet.decisions_table import Choice, Decision


def decisions(
    dataset: Place,
    *,
    compare: Sequence[str] | None = None,
    csv: Place | None = None,
    import_: Place | None = None,
    decision: Choice | None = None,
    who: str | None = None,
    overwrite: bool = False,
) -> Result:
    """Count what people have decided about a dataset, and compare two of them.

    compare: two people; the samples that both looked at. csv: write the decisions that stand into a CSV file, or with
    `compare` the samples on which the two differ, with columns in which a third may decide. import_: record what a file
    says that is not recorded yet, before all else: such a CSV file, what `export` has written for another program, as
    it comes back as Parquet or JSON Lines, or FiftyOne's samples.json or labels.json with tags and changed labels.
    decision: what is decided about every sample of that file, as of a selection. who: the person of its rows that name
    none; by default the user's name.

    The result has the tables `counts`, a row a person, check and decision; `decisions`, a row a sample: the decision
    that counts and its state (valid; stale, where the sample has other pixels or another label now; missing, where the
    dataset has no such id); and with `compare` the tables `agreement`, with Cohen's kappa, and `differences`. Findings:
    the file, the people, the number of samples by what is decided, and how many rows were imported.

    Raises WrongUse for a person who has decided nothing, OutputExists for a CSV file that is there, UnreadableInput for
    a file that is no table of decisions.
    """
    from mnist_data.parquet.decisions import decisions_file, match_decisions, read_decisions
    from pipelines.audit.agreement import compare_people, current_decisions, decision_counts, people
    from pipelines.audit.spreadsheet import export_decisions, import_decisions, write_spreadsheet

    if compare is not None and len(compare) != 2:
        raise WrongUse(f"compare names {len(compare)} people; name two.")
    if decision is not None and (import_ is None or decision in ("relabel", "undo")):
        raise WrongUse(f"decision={decision!r} is of the samples of an imported file: keep, remove or unsure.")
    source = dataset_of(dataset)
    if import_ is not None:
        imported = len(import_decisions(source, location_of(import_), who or user_name(), decision))
    else:
        imported = 0
    history = read_decisions(source)
    matched = match_decisions(source, history)
    tables: dict[str, Any] = {"counts": decision_counts(history), "decisions": current_decisions(matched)}
    if compare is not None:
        tables["agreement"], tables["differences"] = compare_people(history, *compare)
    place = None if csv is None else location_of(csv)
    if place is not None and compare is not None:
        write_spreadsheet(tables["differences"].assign(decision="", label="", note=""), place, overwrite)
    elif place is not None:
        export_decisions(history, place, overwrite)
    found = {
        "file": decisions_file(source),
        "people": people(history),
        **matched.counts,
        "imported": imported,
    }
    return Result("decisions", out=place, tables=tables, findings=found, warnings=matched.notes)


def decide(
    dataset: Place,
    id: int | Sequence[int],  # noqa: A002  (the column's name)
    decision: Choice,
    *,
    label: int | None = None,
    note: str = "",
    check: str = "",
    who: str | None = None,
) -> tuple[Decision, ...]:
    """Record a decision about one sample or several, and give it as it was recorded.

    decision: "keep", "remove", "relabel" to the class with this number, "unsure", or "undo", which takes back the last
    decision of the same person about the sample. note: a text. check: of the audit, which had flagged it. who: the
    person, by default the user's name.

    Raises WrongUse for an id that the dataset does not have, and for a label that is none of its classes.
    """
    from mnist_data.parquet.decisions import record
    from mnist_data.parquet.decisions_table import Decision

    ids = [id] if isinstance(id, int) else list(id)
    person = who or user_name()
    return record(
        dataset_of(dataset),
        [Decision(id=each, decision=decision, label=label, note=note, check=check, who=person) for each in ids],
    )


def user_name() -> str:
    """Give the name of the user of this machine. Raises WrongUse where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise WrongUse("This user has no name on this machine; say by `who` who decides.") from None
