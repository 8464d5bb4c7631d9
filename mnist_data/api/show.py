"""show: samples to look at, in the terminal or a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_data.api.results import Result
from mnist_data.api.sources import Place, dataset_of, location_of


def show(
    dataset: Place,
    *,
    id: int | Sequence[int] | None = None,  # noqa: A002  (the column's name)
    class_: str | Sequence[str] | None = None,
    split: str | None = None,
    check: str | None = None,
    audit: Place | None = None,
    count: int = 20,
) -> Result:
    """Look at samples of a dataset: those of some ids, of classes, of a split, or that a check of the audit flags.

    id: one or several, shown in this order. class_: names or numbers. check: of the audit, the worst first. audit: its
    folder, by default DATASET-audit. count: most samples, where they are not named by their ids. What is given must
    hold together.

    The result has the table `samples`: id, split, label, name, with a check its score (0 worst … 1), and image, bytes
    whose shape and dtype its attributes hold. In a notebook the images are shown. Raises WrongUse for a name or an id
    that there is not, NoDataset where no audit lies there.
    """
    from pipelines.run.show import show as run

    source = dataset_of(dataset)
    table = run(
        source,
        [id] if isinstance(id, int) else list(id or ()),
        classes=[class_] if isinstance(class_, str) else list(class_ or ()),
        split=split,
        check=check,
        audit=None if audit is None else location_of(audit),
        count=count,
    )
    return Result("show", tables={"samples": table})
