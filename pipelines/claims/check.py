"""The stage: a dataset and claims in, a table of what is true out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mnist_data import storage
from mnist_data.errors import UnreadableInput, WrongUse
from mnist_data.parquet.dataset import Dataset, open_parquet
from mnist_data.parquet.tables import provenance, read_table, require_folder, table_provenance, write_table
from pipelines.claims.claim import TESTS, Claim
from pipelines.claims.facts import gather_facts
from pipelines.claims.findings import claims_findings
from pipelines.engine.execution import Execution
from pipelines.networks.evaluation.runs import together

VERDICTS = {True: "true", False: "false", None: "undecided"}

COLUMNS = ("claim", "source", "test", "verdict", "figure", "needs", "note", "numbers")


def check_claims(
    source: Dataset,
    claims: Sequence[Claim],
    predictions: str | Path | None = None,
    *,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Hold claims against a dataset: a row each, of the COLUMNS.

    verdict: one of VERDICTS. figure: what was found. needs: what would decide it, where it is not decided.
    numbers: those of the figure by name, as JSON. predictions: a table that `mnist-data train` has written.
    An audit counts where it lies beside the dataset, as DATASET-audit/audit.parquet, and is of its content.
    """
    told = read_predictions(predictions) if predictions is not None else None
    facts = gather_facts(source, execution or Execution(), _audit(source), told)
    rows = []
    for claim in claims:
        outcome = TESTS[claim.test].function(facts, **claim.parameters)
        needs = outcome.needs if outcome.verdict is None else ""
        numbers = json.dumps(dict(outcome.numbers))
        verdict = VERDICTS[outcome.verdict]
        rows.append((claim.text, claim.source, claim.test, verdict, outcome.figure, needs, claim.note, numbers))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write_claims(
    table: pd.DataFrame,
    folder: str | Path,
    source: Dataset,
    claims: Sequence[Claim],
    predictions: str | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write the tables `claims` and `findings` into a folder, with the claims and hashes of what they were tested with.

    Raises OutputExists where the folder holds anything that is not to be replaced.
    """
    require_folder(folder, overwrite)
    inputs = {source.metadata.dataset: source.content}
    if predictions is not None:
        inputs["predictions"] = storage.sha256_of(Path(predictions))
    made = provenance("claims", inputs, {"claims": [claim.recorded() for claim in claims]})
    write_table(table, f"{folder}/claims", made)
    write_table(claims_findings(table), f"{folder}/findings", made)


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read a table of predictions; of several seeds, what they predict together.

    Raises UnreadableInput for a table of another kind.
    """
    if not Path(path).is_file():
        raise WrongUse(f"{path}: there is no such file; --predictions names a predictions.parquet of mnist-data train.")
    advice = "Name a predictions.parquet that mnist-data train or predict has written."
    with open_parquet(path) as file:
        columns = file.schema_arrow.names
    if not {"id", "label", "correct"} <= set(columns):
        raise UnreadableInput(str(path), f"its columns are {', '.join(columns)}", "id, label and correct", advice)
    return together(read_table(str(path)))


def _audit(source: Dataset) -> pd.DataFrame | None:
    path = storage.sibling(source.location, "-audit/audit.parquet")
    if not storage.exists(path) or source.content not in table_provenance(path)["inputs"].values():
        return None
    return read_table(path)
