"""prepare, clean, normalize, augment, corrupt and split: a dataset out of photos, or of another dataset."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.language import ENGLISH
from mnist_data.cli.options import (
    DatasetArgument,
    Decisions,
    Json,
    LabelTables,
    Lang,
    Open,
    Out,
    OutArgument,
    Overwrite,
    PlotNextTo,
    Scheduler,
    Workers,
    chosen_out,
)
from pipelines.settings.stages import (
    CORRUPTIONS,
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

    from mnist_data.api.results import Result

_CLEAN, _NORMALIZE, _AUGMENT, _CORRUPT, _SPLIT = Clean(), Normalize(), Augment(), Corrupt(), Split()


def prepare(
    photos: Annotated[
        str, typer.Argument(metavar="PHOTOS", help="An image file, or a folder or archive of images (PNG, JPEG, …).")
    ],
    place: OutArgument = None,
    out: Out = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT", help="That of all images. [default: by the folders, or train]", show_default=False
        ),
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out files that are no images, and say which.")
    ] = False,
    plot: PlotNextTo = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Make one's own digits or letters look like MNIST: from photos and scans, also of sheets, to a dataset.

    Example: mnist-data prepare photos/ data/mine --plot
    """
    from mnist_data.api.stages import prepare as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        photos,
        chosen_out(place, out),
        split=split,
        skip_unreadable=skip_unreadable,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, partial(print_prepared, photos), json, ("findings",))


def print_prepared(source: str, result: Result) -> None:
    """Print the splits of a dataset out of photos, and its classes."""
    from mnist_data.cli.output import say

    print_dataset(source, result)
    if result.dataset is not None:
        say(f"Classes: {', '.join(result.dataset.metadata.classes)}")


def clean(
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    not_finite: Annotated[Action, typer.Option(help="Samples with NaN or infinite pixels.")] = _CLEAN.not_finite,
    blank: Annotated[Action, typer.Option(help="Samples that are nothing but background.")] = _CLEAN.blank,
    constant: Annotated[Action, typer.Option(help="Samples that hardly vary, at another value.")] = _CLEAN.constant,
    inverted: Annotated[Action, typer.Option(help="Samples with dark and bright exchanged.")] = _CLEAN.inverted,
    background: Annotated[
        Background, typer.Option(help="'dark' inverts a dataset that has a bright background.")
    ] = _CLEAN.background,
    transposed: Annotated[Action, typer.Option(help="Rows and columns exchanged.")] = _CLEAN.transposed,
    label: Annotated[Action, typer.Option(help="Labels that are no class.")] = _CLEAN.label,
    duplicate: Annotated[Action, typer.Option(help="Exact copies; one of them stays.")] = _CLEAN.duplicate,
    outlier_pixels: Annotated[
        Action, typer.Option(help="Isolated pixels far from all neighbours; 'keep' does not look for them.")
    ] = _CLEAN.outlier_pixels,
    decisions: Decisions = None,
    allow_loss: Annotated[
        bool, typer.Option("--allow-loss", help="Go on where a split or class loses more than half of its samples.")
    ] = _CLEAN.allow_loss,
    plot: PlotNextTo = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Find faulty samples and keep, repair or remove them; OUT.quarantine.parquet lists each with its reason.

    Example: mnist-data clean data/mnist data/mnist-clean --duplicate keep
    """
    from mnist_data.api.stages import clean as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        chosen_out(place, out),
        not_finite=not_finite,
        blank=blank,
        constant=constant,
        inverted=inverted,
        background=background,
        transposed=transposed,
        label=label,
        duplicate=duplicate,
        outlier_pixels=outlier_pixels,
        decisions=decisions,
        allow_loss=allow_loss,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, partial(print_cleaning, dataset), json, ("totals", "reasons"))


def print_cleaning(source: str, result: Result) -> None:
    """Print what became of the samples, and why."""
    from mnist_data.cli.output import print_frame, say
    from pipelines.images.measures.background import describe_polarity

    print_frame(f"{source} → {result.out}", result.tables["totals"])
    say(describe_polarity(result.findings["polarity"], result.findings["undecided"]))
    if "decisions" in result.findings:
        say(f"Decisions: {', '.join(f'{number:,} {name}' for name, number in result.findings['decisions'].items())}.")
    if len(result.tables["reasons"]):
        print_frame("Findings", result.tables["reasons"])
        say(f"Each of them, with its reason: {result.findings['quarantine']}")
    else:
        say("Nothing was found.")


def normalize(
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    scale: Annotated[
        Scale, typer.Option(help="unit: 0 … 1; standardize: training mean 0, std 1; none: as they are.")
    ] = _NORMALIZE.scale,
    deskew: Annotated[bool, typer.Option("--deskew", help="Shear each sample upright.")] = _NORMALIZE.deskew,
    center: Annotated[bool, typer.Option("--center", help="Put the centre of mass in the middle.")] = _NORMALIZE.center,
    dtype: Annotated[DType, typer.Option(help="uint8 holds the unit scale as 0 … 255.")] = _NORMALIZE.dtype,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Scale pixel values, and set digits upright and in the middle; statistics come from the training split only.

    Example: mnist-data normalize data/mnist data/mnist-upright --deskew --center
    """
    from mnist_data.api.stages import normalize as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        chosen_out(place, out),
        scale=scale,
        deskew=deskew,
        center=center,
        dtype=dtype,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, partial(print_dataset, dataset), json)


def augment(
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    copies: Annotated[
        int, typer.Option(help="Copies of each training sample, in addition to the original.")
    ] = _AUGMENT.copies,
    seed: Annotated[int, typer.Option(help="Copy c of sample s depends on this, s and c only.")] = _AUGMENT.seed,
    recipe: Annotated[
        str, typer.Option(help="mild, light, handwriting, heavy, or a TOML file; see docs/augmentation.md.")
    ] = "handwriting",
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Only write the page of --plot, and no dataset; OUT is then its file."),
    ] = False,
    plot: PlotNextTo = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Add deformed copies of each training sample, with the parameters of each copy as columns.

    Example: mnist-data augment data/mnist data/mnist-more --copies 4 --seed 7

    Example: mnist-data augment data/mnist preview.html --recipe heavy --preview
    """
    from mnist_data.api.stages import augment as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        chosen_out(place, out),
        copies=copies,
        seed=seed,
        recipe=recipe,
        preview=preview,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, partial(print_dataset, dataset), json)


def corrupt(
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    corruption: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"May be repeated: {', '.join(CORRUPTIONS)}. [default: all of them]",
            show_default=False,
        ),
    ] = None,
    severity: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="From 1 to 5, may be repeated. [default: each of them]", show_default=False),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split to corrupt. [default: test, else the only one]", show_default=False)
    ] = _CORRUPT.split,
    seed: Annotated[
        int, typer.Option(help="A result depends on this, the sample's id, the corruption and the severity only.")
    ] = _CORRUPT.seed,
    plot: PlotNextTo = False,
    open: Open = False,
    lang: Lang = ENGLISH,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Write each sample of the test split under fifteen corruptions, at five severities.

    Example: mnist-data corrupt data/mnist data/mnist-c --corruption fog --corruption stripe --severity 3
    """
    from mnist_data.api.stages import corrupt as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        chosen_out(place, out),
        corruption=corruption,
        severity=severity,
        split=split,
        seed=seed,
        plot=plot,
        open=open,
        lang=lang,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, partial(print_dataset, dataset), json)


def split(
    dataset: DatasetArgument,
    place: OutArgument = None,
    out: Out = None,
    by: Annotated[
        SplitBy, typer.Option(help="writer: whole writers, so that no split shares any; label: of each class alike.")
    ] = _SPLIT.by,
    fraction: Annotated[float, typer.Option(help="Fraction of the training samples for validation.")] = _SPLIT.fraction,
    seed: Annotated[int, typer.Option(help="Another seed chooses other samples.")] = _SPLIT.seed,
    training_split: Annotated[
        str | None,
        typer.Option(
            metavar="SPLIT",
            help="The split to divide, as test of a dataset without train. [default: train]",
            show_default=False,
        ),
    ] = _SPLIT.training_split,
    label_tables: LabelTables = None,
    overwrite: Overwrite = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    json: Json = False,
) -> None:
    """Divide the training split into train and validation, and say which writers the splits share.

    Example: mnist-data split data/mnist data/mnist-split --by writer --label-tables downloads/qmnist
    """
    from mnist_data.api.stages import split as run
    from mnist_data.cli.output import finish

    call = partial(
        run,
        dataset,
        chosen_out(place, out),
        by=by,
        fraction=fraction,
        seed=seed,
        training_split=training_split,
        label_tables=label_tables,
        overwrite=overwrite,
        workers=workers,
        scheduler=scheduler,
    )
    finish(call, partial(print_split, dataset), json, ("writers",))


def print_split(source: str, result: Result) -> None:
    """Print the splits, and the writers they share."""
    print_dataset(source, result)
    print_writers(result.tables.get("writers"))


def print_dataset(source: str, result: Result) -> None:
    """Print the splits of a dataset that was written; nothing where only a page was."""
    from mnist_data.batch import shape_text
    from mnist_data.cli.output import print_table

    if result.dataset is None:
        return
    size = shape_text(result.dataset.metadata.shape)
    rows = [(split, samples, size, result.dataset.metadata.dtype) for split, samples in result.dataset.splits.items()]
    print_table(f"{source} → {result.out}", ["split", "samples", "size", "type"], rows)


def print_writers(writers: pd.DataFrame | None) -> None:
    """Print which writers the splits share, or that nothing is known of them."""
    from mnist_data.cli.output import print_table, say

    if writers is None:
        say("Who wrote the samples is not known, so the splits may share writers; --label-tables joins what is known.")
        return
    rows = [
        (
            row["split"],
            row["samples"],
            row["writers"],
            None if row["other"] is None else f"{row['shared_writers']:,} of {row['other']}",
            f"{row['shared_samples']:.1%}",
        )
        for row in writers.to_dict("records")
    ]
    print_table("Writers", ["split", "samples", "writers", "shared writers", "samples by them"], rows)
