"""The self-test: faults planted into a copy of the data, and how many of them the audit finds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.tables import provenance, require_folder, write_table
from mnist_data.storage.temporary import TemporaryFolder
from pipelines.audit.check_result import CheckResult
from pipelines.audit.planting import Planted, draw_faults, plant
from pipelines.audit.run import run_checks
from pipelines.engine.execution import Execution
from pipelines.networks.evaluation.scores import wilson
from pipelines.settings.analysis import Selftest


def selftest(
    source: Dataset,
    folder: str | Path,
    params: Selftest | None = None,
    *,
    execution: Execution | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Audit a dataset, plant faults into a copy, audit that, and write the table `selftest`: a row a check.

    Of a check, true are the samples planted with its own kind, false the untouched ones that it flags; samples with
    other faults, and those that copies were made of, are left out. A copy counts as found if it or its original is
    flagged. alarms: what the check flags before anything is planted; of label errors, which are looked for once only,
    the false ones. Raises OutputExists where the folder holds anything that is not to be replaced.
    """
    params, execution = params or Selftest(), execution or Execution()
    require_folder(folder, overwrite)
    # Models learn for minutes: what they flag is known from the untouched samples of the copy, near enough.
    measures, before = run_checks(source, params.audit.replace(labels=False), execution)
    planted = draw_faults(source, measures, params, execution)
    with TemporaryFolder() as place:
        copy = plant(source, Path(place) / "planted", planted, params, execution)
        _, after = run_checks(copy, params.audit, execution)
    table = pd.DataFrame([score(old, new, planted) for old, new in zip_longest(before, after)])
    made = provenance(params.stage, {source.metadata.dataset: source.content}, params.recorded())
    write_table(table, f"{folder}/selftest", made)
    return table


def score(before: CheckResult | None, after: CheckResult, planted: Sequence[Planted]) -> dict[str, Any]:
    """Give the row of one check; recall and precision with their 95 % intervals by Wilson.

    before: what it says with nothing planted; None where that was not asked, and alarms are the false ones.
    """
    own = [fault for fault in planted if fault.kind == after.check]
    touched = np.zeros(len(after.flagged), bool)
    touched[[place for fault in planted for place in (fault.place, fault.source) if place >= 0]] = True
    found = sum(
        bool(after.flagged[fault.place] or (fault.source >= 0 and after.flagged[fault.source])) for fault in own
    )
    false = int((after.flagged & ~touched).sum())
    row: dict[str, Any] = {"check": after.check, "planted": len(own), "found": found}
    for name, of in (("recall", len(own)), ("precision", found + false)):
        low, high = wilson(found, of) if of else (np.nan, np.nan)
        row |= {name: found / of if of else np.nan, f"{name}_low": low, f"{name}_high": high}
    alarms = false if before is None else int(before.flagged.sum())
    return {**row, "false": false, "alarms": alarms, "false_alarm_rate": alarms / max(1, len(after.flagged))}
