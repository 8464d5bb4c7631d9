"""stats, audit and claims: tables about one dataset, and a page of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.language import ENGLISH, require_language
from mnist_data.api.limits import Measured, Named, checked, count_of, named_values, require_threshold
from mnist_data.api.pages import PAGE, draw_page
from mnist_data.api.places import place_beside, table_file
from mnist_data.api.results import Result
from mnist_data.api.sources import Place, about, dataset_of, location_of
from mnist_data.api.work import working
from mnist_data.errors import WrongUse
from mnist_data.parquet.corrections import corrections_now
from mnist_data.parquet.locks import claimed
from mnist_data.parquet.tables import require_folder
from pipelines.run.script import Call, option, place_option
from pipelines.settings.analysis import Audit, Selftest, Stats
from pipelines.settings.checks import CHECKS

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.parquet.dataset import Dataset
    from pipelines.engine.execution import Execution

_STATS, _AUDIT, _SELFTEST = Stats(), Audit(), Selftest()

CLAIM_LIMITS = ("true", "false", "undecided")
"""What `fail_if` of claims can name: how many claims have come to each."""


def stats(
    dataset: Place,
    out: Place | None = None,
    *,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    bins: int = _STATS.bins,
    grid: int = _STATS.grid,
    morphometrics: bool = _STATS.morphometrics,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Count a dataset; write its tables, as Parquet and CSV, and with `plot` a page of them.

    open: write the page, and open it in the browser. out: the folder, by default DATASET-stats. bins: of the intensity
    histogram. grid: samples of each class in the sample grid. morphometrics: measure the strokes of each sample.

    The result has the tables `summary`, `classes`, `pixels`, `intensity`, `components` and others; `result["samples"]`
    reads the one with a row a sample.
    """
    require_language(lang)
    from pipelines.run.report import collect_tables
    from pipelines.statistics.stats import stats as run

    params, source = Stats(bins=bins, grid=grid, morphometrics=morphometrics), dataset_of(dataset)
    folder = place_beside(out, source, "stats")
    with claimed(folder, overwrite) as replace:
        with working(workers, scheduler, progress) as execution:
            tables = run(source, folder, params, execution=execution, overwrite=replace)
        shown = collect_tables(folder, source, source) if plot or open else {}
        page = draw_page(
            plot,
            shown,
            source,
            f"{folder}/{PAGE}",
            overwrite=replace,
            kind="Statistics",
            call=Call(command="stats", inputs=(source,), out=folder, settings=params),
            open=open,
            lang=lang,
        )
    return Result("stats", out=folder, tables=tables, page=page, findings=about(source))


def audit(
    dataset: Place,
    out: Place | None = None,
    *,
    labels: bool = _AUDIT.labels,
    threshold: Named | None = None,
    fail_if: Named | None = None,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    thumbnails: int = _AUDIT.thumbnails,
    selftest: bool = False,
    faults: int | None = _SELFTEST.faults,
    seed: int = _AUDIT.seed,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Find duplicates, leaks, faulty images and label errors.

    out: the folder, by default DATASET-audit, or DATASET-selftest. labels: look for label errors, which trains models
    for minutes. threshold: check -> value from which samples are flagged, in the check's unit. fail_if: check -> most
    samples that may be flagged, a count, or a fraction below 1; e.g. {"leaked": 0}. Both may be a TOML file.
    plot: also write a page. open: write it, and open it in the browser.
    thumbnails: of the worst samples of each check, for the page. selftest: plant faults into a copy instead, `faults`
    of each kind (by default 1 sample in 200, 350 at most), and report how many of them are found. seed: of the models
    and of the faults.

    The result has the tables `checks`, a row a check and split, and `order`: whether the classes and writers of each
    split come in random order, and whether neighbours are alike; `result["audit"]` reads the one with a row a sample.
    Where people have decided about samples, the tables say what is decided and by whom, and count what is left.
    Its finding `polarity` says whether the background of the dataset is dark or bright, or undecided. Raises
    CheckFailed, after all is written, where a limit of `fail_if` is exceeded.
    """
    require_language(lang)
    from pipelines.audit.findings import counted
    from pipelines.audit.run import audit as run

    limits = named_values(fail_if, "fail_if", count_of(CHECKS, "check"))
    thresholds = named_values(threshold, "threshold", require_threshold)
    params = Audit(labels=labels, thumbnails=thumbnails, seed=seed, thresholds=thresholds)
    if not labels and "label_error" in limits:
        raise WrongUse("--fail-if label_error needs what --no-labels does not look for; leave out one of the two.")
    if selftest and (plot or open or limits):
        raise WrongUse("--selftest reports on the checks, not on the data; leave out --plot, --open and --fail-if.")
    source = dataset_of(dataset)
    folder = place_beside(out, source, "selftest" if selftest else "audit")
    corrections = None if selftest else corrections_now(source)
    with claimed(folder, overwrite) as replace, working(workers, scheduler, progress) as execution:
        if selftest:
            from pipelines.audit.selftest import selftest as test

            planted = Selftest(faults=faults, seed=seed, audit=params)
            table = test(source, folder, planted, execution=execution, overwrite=replace)
            return Result("audit", out=folder, tables={"selftest": table})
        tables = run(source, folder, params, corrections=corrections, execution=execution, overwrite=replace)
        shown = {**tables, **_chosen_samples(source, folder, execution)} if plot or open else {}
        call, place = Call(command="audit", inputs=(source,), out=folder, settings=params), f"{folder}/{PAGE}"
        page = draw_page(plot, shown, source, place, overwrite=replace, kind="Audit", call=call, open=open, lang=lang)
    polarity = tables["checks"].attrs["polarity"]
    result = Result("audit", out=folder, tables=tables, page=page, findings={"polarity": polarity})
    flagged = {
        str(check): Measured(*count) for check, rows in tables["checks"].groupby("check") if (count := counted(rows))
    }
    return checked(result, limits, flagged)


def _chosen_samples(source: Dataset, folder: str, execution: Execution) -> dict[str, pd.DataFrame]:
    """Choose the samples that the page of an audit shows; the audit has measured them."""
    from mnist_data.parquet.tables import read_table
    from pipelines.run.sample_sheet import sample_tables
    from pipelines.statistics.stats import measured_samples

    return sample_tables(source, measured_samples(source, execution), read_table(f"{folder}/audit.parquet"))


def claims(
    dataset: Place,
    out: Place | None = None,
    *,
    claims: Place | None = None,
    of: str | None = None,
    predictions: Place | None = None,
    fail_if: Named | None = None,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Test what is commonly said of a dataset against its data: true, false or undecided, with the figure.

    out: a folder for the tables; None writes none, and with a page DATASET-claims. plot: also write a page. open: write
    it, and open it in the browser. claims: a TOML file of claims of one's own, in addition to those that
    are known. of: which known dataset it is, as in "kannada-mnist"; None: it is recognised by the contents of its
    files, by names, by its counts of samples and classes, or by its pixels. predictions: a predictions.parquet that
    `train` has written, or its folder. fail_if: "true", "false" or "undecided" -> the most claims that may come to
    that, a count or a fraction below 1; e.g. {"false": 0}.

    The result has the tables `claims`, a row a claim, and `findings`, in sentences; and as findings which dataset it
    was taken for (`known_as`, None for none) and what that is known by. Raises CheckFailed, after all is written, where
    a limit of `fail_if` is exceeded; WrongUse where nothing is known to be said of it.
    """
    require_language(lang)
    from pipelines.claims.check import VERDICTS, check_claims, write_claims
    from pipelines.claims.claim import load_claims
    from pipelines.claims.findings import claims_findings
    from pipelines.claims.identity import identity_of, same_counts

    limits = named_values(fail_if, "fail_if", count_of(CLAIM_LIMITS, "verdict"))
    source, predicted = dataset_of(dataset), table_file(predictions, "predictions")
    identity = identity_of(source, of)
    name, known_by = (identity.name, identity.known_by) if identity else (None, None)
    likely = same_counts(source) if name is None else ()
    chosen = load_claims(name, None if claims is None else location_of(claims), likely)
    folder = place_beside(out, source, "claims") if plot or open or out is not None else None
    page = None
    with claimed(folder, overwrite) as replace:
        if folder is not None:
            require_folder(folder, replace)
        with working(workers, scheduler, progress) as execution:
            table = check_claims(source, chosen, predicted, execution=execution)
        tables = {"claims": table, "findings": claims_findings(table)}
        if folder is not None:
            write_claims(table, folder, source, chosen, predicted, overwrite=replace)
            place = f"{folder}/{PAGE}"
            words = (
                *place_option("--claims", None if claims is None else location_of(claims)),
                *option("--of", of),
                *place_option("--predictions", predicted),
            )
            call = Call(command="claims", inputs=(source,), out=folder, words=words)
            page = draw_page(
                plot, tables, source, place, overwrite=replace, kind="Claims", call=call, open=open, lang=lang
            )
    known = {"known_as": name, "known_by": known_by}
    result = Result("claims", out=folder, tables=tables, page=page, findings=known)
    verdicts = {"true": VERDICTS[True], "false": VERDICTS[False], "undecided": VERDICTS[None]}
    measured = {name: Measured(int((table["verdict"] == word).sum()), len(table)) for name, word in verdicts.items()}
    return checked(result, limits, measured)
