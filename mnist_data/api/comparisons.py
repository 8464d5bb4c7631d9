"""diff, drift and compare: two versions of a dataset, two datasets, splits or classes, and two trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.language import ENGLISH, require_language
from mnist_data.api.limits import Measured, Named, checked, count_of, named_values, one_of
from mnist_data.api.pages import PAGE, draw_page
from mnist_data.api.places import place_beside
from mnist_data.api.results import Result
from mnist_data.api.sources import Place, dataset_of, location_of
from mnist_data.api.work import working
from mnist_data.errors import WrongUse, unknown_name
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.locks import claimed
from mnist_data.parquet.tables import require_folder
from pipelines.run.script import Call, Network, option
from pipelines.settings.analysis import Diff, Drift

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.drift.gather import Choice

_DIFF, _DRIFT = Diff(), Drift()

COMPARE_LIMITS = ("accuracy_drop", "disagreements")
"""What `fail_if` of compare can name: the accuracy of A minus that of B, and the samples predicted differently."""


def diff(
    a: Place,
    b: Place,
    out: Place | None = None,
    *,
    fail_if: Named | None = None,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    thumbnails: int = _DIFF.thumbnails,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Say which samples were added, removed, relabelled, altered or moved from one version of a dataset to another.

    Samples are matched by id and pixels, then by pixels, then by id. a, b: datasets. out: a folder for the tables; None
    writes none, and with a page A-diff. plot: also write a page. open: write it, and open it in the browser. fail_if:
    change ("removed", "added", "altered", "relabelled", "moved" between splits, "renumbered": the same with another id)
    -> most samples, a count, or a fraction below 1 of those of A, of added ones of B; e.g. {"removed": 0}. thumbnails:
    of each change, for the page.

    The result has the tables `changes`, a row a change and split, `diff`, a row a sample that differs, and
    `relabelled`, from which label to which; and as a finding the verdict in one sentence. Raises CheckFailed, after all
    is written, where a limit of `fail_if` is exceeded.
    """
    require_language(lang)
    from pipelines.drift.versions.compare import ADDED, CHANGES, save, verdict
    from pipelines.drift.versions.compare import diff as run

    limits = named_values(fail_if, "fail_if", count_of(CHANGES, "change"))
    shown, first, second = Diff(thumbnails=thumbnails), dataset_of(a), dataset_of(b)
    params = shown if plot or open else shown.replace(thumbnails=0)
    folder = place_beside(out, first, "diff") if plot or open or out is not None else None
    page = None
    with claimed(folder, overwrite) as replace:
        if folder is not None:
            require_folder(folder, replace)
        with working(workers, scheduler, progress) as execution:
            compared = run(first, second, params, execution=execution)
        tables = compared.tables
        if folder is not None:
            save(compared, folder, first, second, params, overwrite=replace)
            place = f"{folder}/{PAGE}"
            page = draw_page(
                plot,
                tables,
                first,
                place,
                overwrite=replace,
                kind="Changes",
                title=f"{_name(first.location)} → {_name(second.location)}",
                call=Call(command="diff", inputs=(first, second), out=folder, settings=params),
                open=open,
                lang=lang,
            )
    counts = tables["changes"].groupby("change")["samples"].sum()
    measured = {kind: Measured(int(counts[kind]), len(second if kind == ADDED else first)) for kind in CHANGES}
    findings = {
        "a": first.location,
        "b": second.location,
        "verdict": verdict(tables["changes"]),
        "ids_kept": compared.ids_kept,
        "notes": list(compared.notes),
    }
    return checked(Result("diff", out=folder, tables=tables, page=page, findings=findings), limits, measured)


def drift(
    a: Place,
    b: Place | None = None,
    out: Place | None = None,
    *,
    split: str | None = None,
    between: tuple[str, str] | None = None,
    classes: tuple[int, int] | None = None,
    by_class: bool = _DRIFT.by_class,
    samples: int = _DRIFT.samples,
    resamples: int = _DRIFT.resamples,
    seed: int = _DRIFT.seed,
    fail_if: Named | None = None,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Measure how far B is from A, feature by feature and as a whole, with MNIST's train and test split as reference.

    Two datasets, or of one dataset two splits (between) or two labels (classes). out: a folder for the tables; None
    writes none, and with a page A-drift. plot: also write a page. open: write it, and open it in the browser. split: of
    each dataset, by default all. by_class: also compare within each class. samples: of each side at most. resamples: of
    the bootstrap. fail_if: measure, or feature.measure -> the highest value allowed, e.g. {"auc": 0.6,
    "thickness.wasserstein": 0.2}.

    The result has the tables `drift`, `drift_verdict`, `drift_histograms` and the mean image of each side; as findings
    the verdict in plain words, and `significant`: whether there is any difference beyond chance, which at most 5 of 100
    comparisons of equal data have. Raises CheckFailed, after all is written, where a limit of `fail_if` is exceeded;
    WrongUse where a side has too few samples.
    """
    require_language(lang)
    from pipelines.drift.compare import drift as run
    from pipelines.drift.compare import require_limit_name, save

    limits = named_values(fail_if, "fail_if", require_limit_name)
    params, source = Drift(samples=samples, resamples=resamples, seed=seed, by_class=by_class), dataset_of(a)
    sides = sides_of(source, None if b is None else dataset_of(b), split, between, classes)
    folder = place_beside(out, source, "drift") if plot or open or out is not None else None
    page = None
    with claimed(folder, overwrite) as replace:
        if folder is not None:
            require_folder(folder, replace)
        with working(workers, scheduler, progress) as execution:
            tables = run(*sides, params, execution=execution)
        if folder is not None:
            save(tables, folder, sides, params, overwrite=replace)
            place = f"{folder}/{PAGE}"
            inputs = (source,) if b is None else (source, sides[1].dataset)
            words = (*option("--split", split), *option("--between", *(between or (None,))))
            words += option("--classes", *(classes or (None,)))
            title = " → ".join(_name(side.name) for side in sides)
            call = Call(command="drift", inputs=inputs, out=folder, settings=params, words=words)
            page = draw_page(
                plot,
                tables,
                source,
                place,
                overwrite=replace,
                kind="Drift",
                title=title,
                call=call,
                open=open,
                lang=lang,
            )
    row = tables["drift_verdict"].iloc[0]
    values = {
        "a": sides[0].name,
        "b": sides[1].name,
        "verdict": row["verdict"],
        "significant": bool(row["significant"]),
    }
    result = Result("drift", out=folder, tables=tables, page=page, findings=values)
    return checked(result, limits, {name: _farthest(tables["drift"], name) for name in limits})


def sides_of(
    a: Dataset, b: Dataset | None, split: str | None, between: tuple[str, str] | None, classes: tuple[int, int] | None
) -> tuple[Choice, Choice]:
    """Give the two sides that are named by just one of b, between and classes. Raises WrongUse for anything else."""
    from pipelines.drift.gather import Choice

    if (b is not None) + (between is not None) + (classes is not None) != 1:
        raise WrongUse("Name what is compared by one of these: B, --between SPLIT SPLIT, --classes LABEL LABEL.")
    if between and split:
        raise WrongUse("--between names the splits already; leave --split out.")
    for dataset in (a,) if b is None else (a, b):
        for name in (split, *(between or ())):
            if name is not None and name not in dataset.splits:
                raise unknown_name("split", name, dataset.splits, dataset.location)
    other = a if b is None else b
    chosen = [(split,) if split else tuple(dataset.splits) for dataset in (a, other)]
    if between:
        return Choice(a, between[:1], between[0]), Choice(a, between[1:], between[1])
    if classes:
        first, second = (Choice(a, chosen[0], f"class {label}", label) for label in classes)
        return first, second
    return Choice(a, chosen[0], a.location), Choice(other, chosen[1], other.location)


def _farthest(table: pd.DataFrame, name: str) -> Measured:
    """Give the highest value of a measure, of one feature or of all; NaN where it was not measured."""
    feature, _, measure = name.rpartition(".")
    rows = table[(table["measure"] == measure) & ((table["feature"] == feature) | (feature == ""))]
    worst = rows.nlargest(1, "value")
    return Measured(float(worst["value"].max()), where=", ".join(worst["feature"]) if feature == "" else "")


def compare(
    a: Place,
    b: Place,
    out: Place | None = None,
    *,
    across_datasets: bool = False,
    fail_if: Named | None = None,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
) -> Result:
    """Tell which of two trainings is better on the same samples, by how much, and whether that can be chance.

    a, b: folders that `train` has written. out: a folder for the tables; None writes none, and with a page A-compare.
    plot: also write a page. open: write it, and open it in the browser. across_datasets: compare though the datasets
    differ, as where one was augmented. fail_if: "accuracy_drop" (the accuracy of A minus that of B) or "disagreements"
    (a count, or a fraction below 1) -> the highest value allowed.

    The result has the tables `comparison`, `disagreements` and `findings`, and as a value the verdict in one sentence.
    Raises CheckFailed, after all is written, where a limit of `fail_if` is exceeded.
    """
    require_language(lang)
    from pipelines.networks.compare import compare as run
    from pipelines.networks.compare import page_tables, verdict, write_comparison
    from pipelines.run.pages import Heading

    limits = named_values(fail_if, "fail_if", one_of(COMPARE_LIMITS))
    first, second = location_of(a), location_of(b)
    folder = place_beside(out, first, "compare") if plot or open or out is not None else None
    page = None
    with claimed(folder, overwrite) as replace:
        if folder is not None:
            require_folder(folder, replace)
        tables = run(first, second, across_datasets=across_datasets)
        if folder is not None:
            write_comparison(tables, folder, first, second, overwrite=replace)
            shown = page_tables(tables, first, second) if plot or open else {}
            size = f"A: {_name(first)}, B: {_name(second)}, on {int(tables['comparison']['samples'].iloc[0]):,} samples"
            heading = Heading(kind="Comparison", title=f"{_name(first)} and {_name(second)}", subtitle=size)
            words = ("--across-datasets",) if across_datasets else ()
            call = Call(command="compare", inputs=(Network(first), Network(second)), out=folder, words=words)
            page = draw_page(
                plot, shown, heading, f"{folder}/{PAGE}", overwrite=replace, call=call, open=open, lang=lang
            )
    row = tables["comparison"].iloc[0]
    values = {"a": first, "b": second, "verdict": verdict(row, f"A ({first})", f"B ({second})")}
    result = Result("compare", out=folder, tables=tables, page=page, findings=values)
    measured = {
        "accuracy_drop": Measured(-float(row["difference"])),
        "disagreements": Measured(len(tables["disagreements"]), int(row["samples"])),
    }
    return checked(result, limits, measured)


def _name(folder: str) -> str:
    """Name a training or a dataset by its folder."""
    return folder.rstrip("/").rpartition("/")[2]
