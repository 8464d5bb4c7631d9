"""verify: every file of a dataset, a network or a workspace against what was recorded when it was written."""

from __future__ import annotations

from dataclasses import asdict, fields

import pandas as pd

from mnist_data.api.results import Result
from mnist_data.api.sources import Place, location_of
from mnist_data.api.work import working
from mnist_data.errors import CheckFailed


def verify(
    path: Place,
    *,
    repair: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Compare every file of a dataset, a network or a folder of them, as a run's workspace, with its recorded hash.

    Of a dataset also: parts missing or foreign, the manifest, the metadata, values missing, ids that repeat, and the
    source files where they lie near it. Of a workspace also whether each result was made from the datasets in it.

    repair: make damaged datasets, tables, networks and pages of runs again from what they were made from, where that is
    whole and lies near; each is replaced only if every byte is then as it was. The result has as findings how many
    files were verified, their bytes, what was repaired and why other things were not, and the table `findings` (file,
    found, expected, advice). Raises CheckFailed, which has the result, where that table has rows; NoDataset where
    nothing of ours lies.
    """
    from pipelines.run.verify import Finding
    from pipelines.run.verify import verify as run

    with working(workers, scheduler, progress) as execution:
        verified = run(location_of(path), execution, repair=repair)
    columns = [column.name for column in fields(Finding)]
    table = pd.DataFrame([asdict(finding) for finding in verified.findings], columns=columns)
    counts = {"files": verified.files, "bytes": verified.size, "repaired": verified.repaired}
    counts["obstacles"] = verified.obstacles
    result = Result("verify", tables={"findings": table}, findings={"path": location_of(path), **counts})
    if len(table):
        count = f"{len(table)} finding{'s' if len(table) > 1 else ''}"
        failure = CheckFailed(f"verify: {location_of(path)} is not as it was written ({count}).")
        failure.result = result
        raise failure
    return result
