"""prepare, clean, normalize, augment, corrupt and split: a dataset out of photos, or of another dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dashboards.language import ENGLISH, require_language
from mnist_data.api.pages import draw_page
from mnist_data.api.results import Result
from mnist_data.api.sources import Place, dataset_of, location_of, several
from mnist_data.api.work import working
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.locks import claimed
from mnist_data.storage import require_free, sibling
from pipelines.run.script import Call, option
from pipelines.settings.recipe import Recipe, recipe_from
from pipelines.settings.stages import (
    CORRUPTIONS,
    SEVERITIES,
    Action,
    Augment,
    Background,
    Clean,
    Corrupt,
    DType,
    Normalize,
    Scale,
    Split,
    SplitBy,
)

if TYPE_CHECKING:
    import pandas as pd

_CLEAN, _NORMALIZE, _AUGMENT, _CORRUPT, _SPLIT = Clean(), Normalize(), Augment(), Corrupt(), Split()


def prepare(
    photos: Place,
    out: Place,
    *,
    split: str | None = None,
    skip_unreadable: bool = False,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Make one's own digits or letters look like MNIST: from photos and scans, also of sheets, to a dataset.

    photos: an image file, or a folder or archive of them. Folders give classes and splits as for `convert`, as in
    photos/train/A/mine.jpg; where no folder says the split it is "train", and images without a label are of the split
    "unlabelled". split: that of all images. skip_unreadable: leave out files that are no images. plot: also write
    OUT.html, which shows before and after. open: write it, and open it in the browser. The result warns of files in
    which no digit was found.

    Raises NoDataset where there is no image or no digit in any, UnreadableInput, which lists the files that are no
    images, WrongUse where nothing decides which folders are the classes.
    """
    require_language(lang)
    from pipelines.run.stage_findings import preparation_findings
    from pipelines.stages.prepare import prepare as run

    place, page = location_of(out), sibling(location_of(out), ".html")
    if plot or open:
        require_free(page, overwrite)
    with claimed(place, overwrite) as replace, working(workers, scheduler, progress) as execution:
        outcome = run(
            location_of(photos),
            place,
            split=split,
            skip_unreadable=skip_unreadable,
            execution=execution,
            overwrite=replace,
        )
        tables = {**outcome.tables, "findings": preparation_findings(outcome)}
        words = (*option("--split", split), *(("--skip-unreadable",) if skip_unreadable else ()))
        call = Call(command="prepare", inputs=(location_of(photos),), out=place, out_flag=False, words=words)
        drawn = _page_next_to(plot, open, lang, tables, outcome.dataset, page, "Preparation", call)
    return Result(
        "prepare",
        out=place,
        dataset=outcome.dataset,
        tables={"findings": tables["findings"]},
        page=drawn,
        findings={"empty": list(outcome.empty)},
        warnings=(*outcome.notes, *(f"{file}: no digit was found in it." for file in outcome.empty)),
    )


def clean(
    dataset: Place,
    out: Place,
    *,
    not_finite: Action = _CLEAN.not_finite,
    blank: Action = _CLEAN.blank,
    constant: Action = _CLEAN.constant,
    inverted: Action = _CLEAN.inverted,
    background: Background = _CLEAN.background,
    transposed: Action = _CLEAN.transposed,
    label: Action = _CLEAN.label,
    duplicate: Action = _CLEAN.duplicate,
    outlier_pixels: Action = _CLEAN.outlier_pixels,
    decisions: Place | None = None,
    allow_loss: bool = _CLEAN.allow_loss,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Find faulty samples and keep, repair or remove them; each is listed in OUT.quarantine.parquet with its reason.

    background: "dark" inverts a dataset that has a bright background. decisions: what people have decided about the
    samples, which overrides the rules: a table, CSV or Parquet, or the dataset or workspace that they lie next to.
    allow_loss: go on where a split or a class loses more than half of its samples, which else raises CheckFailed.
    plot: also write OUT.html, a page of what was found. open: write it, and open it in the browser.

    The result has the dataset, the tables `totals` and `reasons`, and as findings the address of the quarantine, the
    polarity of the background (dark, bright or undecided), of how many samples it is undecided whether they are
    inverted, and with decisions how many were removed, relabelled, kept or left unsure. It warns of decisions that
    were not applied, as their samples are others now.
    """
    require_language(lang)
    from pipelines.run.stage_findings import cleaning_tables
    from pipelines.stages.clean import clean as run

    params = Clean(
        not_finite=not_finite,
        blank=blank,
        constant=constant,
        inverted=inverted,
        background=background,
        transposed=transposed,
        label=label,
        duplicate=duplicate,
        outlier_pixels=outlier_pixels,
        decisions=None if decisions is None else location_of(decisions),
        allow_loss=allow_loss,
    )
    source, page = dataset_of(dataset), sibling(location_of(out), ".html")
    if plot or open:
        require_free(page, overwrite)
    with working(workers, scheduler, progress) as execution:
        outcome = run(source, location_of(out), params, execution=execution, overwrite=overwrite)
    places = {} if params.decisions is None else {"DECISIONS": params.decisions}
    call = Call(command="clean", inputs=(source,), out=location_of(out), out_flag=False, settings=params, places=places)
    return Result(
        "clean",
        out=location_of(out),
        dataset=outcome.dataset,
        page=_page_next_to(plot, open, lang, cleaning_tables(outcome), outcome.dataset, page, "Cleaning", call),
        tables={"totals": outcome.totals, "reasons": outcome.reasons},
        findings={
            "quarantine": f"{outcome.quarantine}.parquet",
            "polarity": outcome.polarity,
            "undecided": outcome.undecided,
            **({"decisions": outcome.decided.counts} if outcome.decided else {}),
        },
        warnings=outcome.decided.notes if outcome.decided else (),
    )


def normalize(
    dataset: Place,
    out: Place,
    *,
    scale: Scale = _NORMALIZE.scale,
    deskew: bool = _NORMALIZE.deskew,
    center: bool = _NORMALIZE.center,
    dtype: DType = _NORMALIZE.dtype,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Scale pixel values, and set digits upright and in the middle; statistics come from the training split only."""
    from pipelines.stages.normalize import normalize as run

    params, source = Normalize(scale=scale, deskew=deskew, center=center, dtype=dtype), dataset_of(dataset)
    with working(workers, scheduler, progress) as execution:
        written = run(source, location_of(out), params, execution=execution, overwrite=overwrite)
    return Result("normalize", out=location_of(out), dataset=written)


def augment(
    dataset: Place,
    out: Place,
    *,
    copies: int = _AUGMENT.copies,
    seed: int = _AUGMENT.seed,
    recipe: str | Mapping[str, Any] | Recipe = "handwriting",
    preview: bool = False,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Add deformed copies of each training sample, with the parameters of each copy as columns.

    copies: of each training sample, in addition to the original. seed: copy c of sample s depends on this, s and c
    only. recipe: a preset's name, a TOML file, or a mapping as in {"rotation": [-10, 10]}. plot: also write
    OUT.html, a page of some originals and copies. open: write it, and open it in the browser. preview: write only the
    page; out is then its file.

    The result warns where the recipe turns classes into one another, as 6 into 9. Raises WrongUse for a dataset of
    copies, and where the recipe changes the exposure of data whose white level is not
    known.
    """
    require_language(lang)
    from pipelines.stages.turned_classes import about_turned_classes

    params, source = Augment(copies=copies, seed=seed, recipe=recipe_from(recipe, "recipe")), dataset_of(dataset)
    if preview:
        from pipelines.stages.preview import preview_tables

        page = location_of(out) if location_of(out).endswith((".html", ".htm")) else f"{location_of(out)}.html"
        require_free(page, overwrite)
        call = Call(
            command="augment", inputs=(source,), out=page, out_flag=False, settings=params, words=("--preview",)
        )
        tables = preview_tables(source, params)
        draw_page(True, tables, source, page, overwrite=overwrite, kind="Augmentation", call=call, open=open, lang=lang)
        return Result("augment", out=page, page=page, warnings=about_turned_classes(source, params.recipe))
    from pipelines.images.thumbnails import before_after
    from pipelines.stages.augment import augment as run

    place = sibling(location_of(out), ".html")
    if plot or open:
        require_free(place, overwrite)
    with working(workers, scheduler, progress) as execution:
        written = run(source, location_of(out), params, execution=execution, overwrite=overwrite)
    warnings = about_turned_classes(source, params.recipe)
    shown = {"augmentation": before_after(written)} if plot or open else {}
    call = Call(command="augment", inputs=(source,), out=location_of(out), out_flag=False, settings=params)
    drawn = _page_next_to(plot, open, lang, shown, written, place, "Augmentation", call)
    return Result("augment", out=location_of(out), dataset=written, page=drawn, warnings=warnings)


def corrupt(
    dataset: Place,
    out: Place,
    *,
    corruption: Sequence[str] | None = None,
    severity: Sequence[int] | None = None,
    split: str | None = _CORRUPT.split,
    seed: int = _CORRUPT.seed,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Write each sample of a split under the corruptions of MNIST-C, at their severities.

    corruption: names of some; None for all fifteen. severity: from 1 to 5; None for each. split: "test" by default,
    else the only one. seed: a result depends on this, the sample's id, the corruption and the severity only. plot:
    also write OUT.html, a page of a sample under each corruption. open: write it, and open it in the browser.
    """
    require_language(lang)
    from pipelines.images.thumbnails import corrupted_samples
    from pipelines.stages.corrupt import corrupt as run

    params = Corrupt(
        corruptions=tuple(several(corruption) or CORRUPTIONS),
        severities=tuple(several(severity) or SEVERITIES),
        split=split,
        seed=seed,
    )
    source, page = dataset_of(dataset), sibling(location_of(out), ".html")
    if plot or open:
        require_free(page, overwrite)
    with working(workers, scheduler, progress) as execution:
        written = run(source, location_of(out), params, execution=execution, overwrite=overwrite)
    shown = {"corrupted_samples": corrupted_samples(written)} if plot or open else {}
    call = Call(command="corrupt", inputs=(source,), out=location_of(out), out_flag=False, settings=params)
    drawn = _page_next_to(plot, open, lang, shown, written, page, "Corruptions", call)
    return Result("corrupt", out=location_of(out), dataset=written, page=drawn)


def split(
    dataset: Place,
    out: Place,
    *,
    by: SplitBy = _SPLIT.by,
    fraction: float = _SPLIT.fraction,
    seed: int = _SPLIT.seed,
    training_split: str | None = _SPLIT.training_split,
    label_tables: Place | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Result:
    """Divide the training split into train and validation, and say which writers the splits share.

    by: "writer" keeps whole writers together, so that no split shares any; "label" divides each class alike.
    fraction: of the training samples, for validation. training_split: the split to divide; None: "train", or the only
    one if it is not held out. label_tables: a folder of label tables that tell the writers.

    The result has the dataset and, where writers are known, the table `writers`. Raises WrongUse where writers are to
    be kept apart and fewer than two are known.
    """
    from pipelines.stages.split import split as run

    params, source = Split(by=by, fraction=fraction, seed=seed, training_split=training_split), dataset_of(dataset)
    with working(workers, scheduler, progress) as execution:
        outcome = run(
            source,
            location_of(out),
            params,
            label_tables=None if label_tables is None else location_of(label_tables),
            execution=execution,
            overwrite=overwrite,
        )
    tables = {} if outcome.writers is None else {"writers": outcome.writers}
    return Result("split", out=location_of(out), dataset=outcome.dataset, tables=tables)


def _page_next_to(
    plot: bool,
    open: bool,
    lang: str,
    tables: Mapping[str, pd.DataFrame],
    written: Dataset,
    page: str,
    kind: str,
    call: Call,
) -> str | None:
    """Write OUT.html, the page of a dataset that a stage has written, where it is asked for."""
    if not (plot or open):
        return None
    return draw_page(True, tables, written, page, overwrite=True, kind=kind, call=call, open=open, lang=lang)
