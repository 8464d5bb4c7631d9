"""train, predict, explain, export_onnx and compress: networks out of a dataset, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboards.language import ENGLISH, require_language
from mnist_data.api.limits import Measured, Named, checked, named_values, one_of
from mnist_data.api.pages import PAGE, draw_page
from mnist_data.api.places import model_file, place_beside
from mnist_data.api.results import Result
from mnist_data.api.sources import Place, dataset_of, location_of, several
from mnist_data.api.work import showing
from mnist_data.errors import WrongUse
from mnist_data.parquet.dataset import is_dataset
from mnist_data.parquet.locks import claimed
from mnist_data.parquet.tables import require_folder
from pipelines.run.script import Call, Network, option, place_option, toml_text
from pipelines.settings.model_header import Model
from pipelines.settings.recipe import Recipe, recipe_from
from pipelines.settings.training import Compress, Freeze, Optimizer, Precision, Schedule, train_settings

if TYPE_CHECKING:
    import pandas as pd

    from mnist_data.parquet.dataset import Dataset
    from pipelines.engine.execution import Report

_COMPRESS = Compress()

TRAIN_LIMITS = ("error", "validation_error", "ece")
"""What `fail_if` of train can name: the fraction of wrong predictions, and the expected calibration error."""


def train(
    dataset: Place,
    out: Place,
    *,
    preset: str = "standard",
    model: Model | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: Optimizer | None = None,
    learning_rate: float | None = None,
    schedule: Schedule | None = None,
    weight_decay: float | None = None,
    label_smoothing: float | None = None,
    dropout: float | None = None,
    ema_decay: float | None = None,
    recipe: str | Mapping[str, Any] | Recipe | None = None,
    precision: Precision | None = None,
    patience: int | None = None,
    validation_fraction: float | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    start: Place | None = None,
    freeze: Freeze | None = None,
    corruptions: bool | None = None,
    corrections: Place | None = None,
    sweep: Place | None = None,
    resume: bool = False,
    fail_if: Named | None = None,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Result:
    """Train small networks on a dataset; the test split is read once, after everything is fixed.

    out: the folder for the networks and their tables. preset: "standard", "fast" or "thorough"; what is given overrides
    it, None leaves a setting to it. start: a network's file to begin from. corrections: a table of corrected labels, as
    in the folder of an audit, to score by as well. sweep: a TOML file of settings, of which each point of the grid is
    trained and validated. resume: go on from what another training of these settings has left, as one
    that was killed does by itself. fail_if: "error" (of the test split,
    or of validation where there is none), "validation_error" or "ece" -> the highest value allowed, e.g.
    {"error": 0.02}.

    The result has the tables `history`, `evaluation`, `diagnosis`, `confusion` and others, of which `leak_scores` says
    how much of the score rests on samples with the pixels of a training sample; and it warns of what went wrong in
    training. Raises MissingExtra without PyTorch; CheckFailed, after all is written, where a limit of `fail_if` is
    exceeded.
    """
    require_language(lang)
    named = (
        ("model", model), ("epochs", epochs), ("batch_size", batch_size), ("optimizer", optimizer),
        ("learning_rate", learning_rate), ("schedule", schedule), ("weight_decay", weight_decay),
        ("label_smoothing", label_smoothing), ("dropout", dropout), ("ema_decay", ema_decay), ("recipe", recipe),
        ("precision", precision), ("patience", patience), ("validation_fraction", validation_fraction), ("seed", seed),
        ("seeds", seeds), ("start", None if start is None else model_file(start)), ("freeze", freeze),
        ("corruptions", corruptions),
    )  # fmt: skip
    given = {name: value for name, value in named if value is not None}
    limits = named_values(fail_if, "fail_if", one_of(TRAIN_LIMITS))
    if sweep is not None:
        if limits or corrections is not None:
            raise WrongUse("--sweep makes many trainings; leave out --fail-if and --corrections.")
        over = given | ({"preset": preset} if preset != "standard" else {})
        return _sweep(
            dataset, location_of(out), location_of(sweep), over, resume, (plot, open, lang), overwrite, progress
        )
    from pipelines.networks.evaluation.findings import in_words
    from pipelines.networks.train import train as run
    from pipelines.stages.turned_classes import about_turned_classes

    if recipe is not None:
        given["recipe"] = recipe_from(recipe, "recipe")
    params, source, folder = train_settings(given, preset), dataset_of(dataset), location_of(out)
    with claimed(folder, overwrite) as unfinished, showing(progress) as report:
        resumed = resume or (unfinished and not overwrite)  # a killed training goes on where it was
        tables = run(
            source,
            folder,
            params,
            corrections=None if corrections is None else location_of(corrections),
            resume=resumed,
            overwrite=overwrite,
            report=report,
        )
        shown = {**tables, **_chosen_samples(source, tables["predictions"], report)} if plot or open else {}
        place, again = f"{folder}/{PAGE}", overwrite or resumed
        call = Call(
            command="train",
            inputs=(source,),
            out=folder,
            out_flag=False,
            settings=params,
            words=place_option("--corrections", None if corrections is None else location_of(corrections)),
            places={} if params.start is None else {"MODEL": params.start},
        )
        page = draw_page(plot, shown, source, place, overwrite=again, kind="Training", call=call, open=open, lang=lang)
    warnings = (*about_turned_classes(source, params.recipe), *in_words(params.model, tables["diagnosis"]))
    return checked(Result("train", out=folder, tables=tables, page=page, warnings=warnings), limits, _errors(tables))


def _chosen_samples(source: Dataset, predictions: pd.DataFrame, report: Report) -> dict[str, pd.DataFrame]:
    """Choose the samples that the page of a training shows, and measure them."""
    from pipelines.engine.execution import Execution
    from pipelines.run.sample_sheet import sample_tables
    from pipelines.statistics.stats import measured_samples

    return sample_tables(source, measured_samples(source, Execution(report=report)), predictions=predictions)


def _sweep(
    dataset: Place,
    out: str,
    file: str,
    over: Mapping[str, Any],
    resume: bool,
    page: tuple[bool, bool, str],
    overwrite: bool,
    progress: bool | None,
) -> Result:
    """Train a grid; what is given overrides its file. page: plot, open and lang."""
    from pipelines.networks.sweep import grid_of, read_grid
    from pipelines.networks.sweep import sweep as run

    points, source = read_grid(file, over), dataset_of(dataset)
    with claimed(out, overwrite) as unfinished:
        resumed = resume or (unfinished and not overwrite)
        with showing(progress) as report:
            tables = run(source, out, points, resume=resumed, overwrite=overwrite, report=report)
        again, (plot, open, lang) = overwrite or resumed, page
        call = Call(
            command="train",
            inputs=(source,),
            out=out,
            out_flag=False,
            file=toml_text(grid_of(points)),
            file_flag="--sweep",
        )
        place = f"{out}/{PAGE}"
        drawn = draw_page(plot, tables, source, place, overwrite=again, kind="Sweep", call=call, open=open, lang=lang)
    alike = [name for name in points[0].settings if len({str(point.settings[name]) for point in points}) == 1]
    return Result("train", out=out, tables=tables, page=drawn, findings={"alike": alike})


def _errors(tables: Mapping[str, pd.DataFrame]) -> dict[str, Measured]:
    """Give what the limits of a training are compared with; of several seeds that of their ensemble."""
    errors = {
        str(row["split"]): Measured(1 - float(row["accuracy"]))
        for row in tables["evaluation"].to_dict("records")  # a split's ensemble is its last row
    }
    measured = {"error": errors["test"]} if "test" in errors else {}
    if "validation" in errors:
        measured = {"error": errors["validation"], "validation_error": errors["validation"], **measured}
    if "calibration" in tables:
        measured["ece"] = Measured(float(tables["calibration"]["ece"].iloc[-1]))
    return measured


def predict(
    model: Place,
    images: Place,
    out: Place | None = None,
    *,
    split: Sequence[str] | None = None,
    corrections: Place | None = None,
    fail_if: Named | None = None,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
) -> Result:
    """Predict the class of each image, with its probability, and say which are probably of none of the classes.

    model: a file that `train`, `export_onnx` or `compress` has written, or a folder of `train`, whose networks predict
    together. images: a dataset, an IDX file, an image file or a folder of them, or another form that `convert` reads;
    digits in photos are found first. out: a folder for the table; None writes none, and with a page IMAGES-predict.
    split: some splits, by default all. corrections: of images that are a dataset, what people have decided, or a table
    of corrected labels, as `train` takes it; the result then has the table `label_scores`. plot: also write a page.
    open: write it, and open it in the browser. fail_if: "error", the fraction of wrong predictions among those whose
    label is known -> the highest value allowed.

    The result has the table `predictions`, a row an image; `counts`, a row a class: how many images are labelled
    and predicted so; and `leak_scores`: of each split the accuracy on images that the model has seen in training, and
    without them. Where in_distribution is False, or ood_score above 0, an image is probably of none of the classes;
    both are missing where the model cannot tell, as in_training_data is where the training data are not at hand.
    Findings: how many images are in the training data (None: undecided), unlabelled and of none of the classes, and
    notes. Raises WrongUse for images of another shape or otherwise normalized than those the model was trained on.
    """
    require_language(lang)
    from pipelines.networks.findings import prediction_findings
    from pipelines.networks.predict import page_tables, save_predictions
    from pipelines.networks.predict import predict_images as run
    from pipelines.run.pages import Heading

    limits = named_values(fail_if, "fail_if", one_of(("error",)))
    network, shown = location_of(model), location_of(images)
    if corrections is not None and not is_dataset(shown):
        raise WrongUse(f"corrections name samples of a dataset by their ids, and {shown} is none.")
    folder = place_beside(out, shown, "predict") if plot or open or out is not None else None
    page = None
    with claimed(folder, overwrite) as replace:
        if folder is not None:
            require_folder(folder, replace)
        predicted = run(network, shown, several(split) or None)
        table = predicted.table
        tables = {"predictions": table, "counts": predicted.counts, "leak_scores": predicted.leaks}
        tables["findings"] = prediction_findings(predicted)
        unapplied: tuple[str, ...] = ()
        if corrections is not None:
            tables["label_scores"], unapplied = _corrected(table, dataset_of(images), location_of(corrections))
        if folder is not None:
            save_predictions(table, folder, network, shown, several(split), overwrite=replace)
            size = f"{len(table):,} images by {Path(network).name}"
            heading = Heading(kind="Predictions", title=Path(shown).name, subtitle=size)
            drawn = page_tables(predicted, tables) if plot or open else {}
            splits: list[str] = several(split)
            words = [word for name in splits for word in option("--split", name)]
            words += place_option("--corrections", None if corrections is None else location_of(corrections))
            given = dataset_of(images) if is_dataset(shown) else shown
            call = Call(command="predict", inputs=(Network(network), given), out=folder, words=words)
            page = draw_page(
                plot, drawn, heading, f"{folder}/{PAGE}", overwrite=replace, call=call, open=open, lang=lang
            )
    result = Result(
        "predict",
        out=folder,
        page=page,
        tables=tables,
        findings={
            "in_training_data": None
            if table["in_training_data"].isna().any()
            else int(table["in_training_data"].sum()),
            "unlabelled": predicted.unlabelled,
            "none_of_the_classes": predicted.none_of_the_classes,
            "notes": list(predicted.notes),
        },
        warnings=unapplied,
    )
    known = table["correct"].dropna()
    return checked(result, limits, {"error": Measured(1 - float(known.mean()))} if len(known) else {})


def _corrected(table: pd.DataFrame, dataset: Dataset, corrections: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Score predictions by given and by corrected labels, and say which corrections were not applied."""
    from mnist_data.parquet.corrections import read_corrections
    from pipelines.networks.evaluation.corrections import corrected_predictions

    valid, matched = read_corrections(corrections).about(dataset)
    return corrected_predictions(table, dataset.metadata, valid), matched.notes


def explain(
    model: Place,
    dataset: Place,
    out: Place,
    *,
    split: str | None = None,
    id: Sequence[int] | None = None,  # noqa: A002  (the flag's and the column's name)
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Result:
    """Show which pixels led a model to its predictions, and the filters of its first layer.

    model: a .safetensors file that `train` has written, or its folder. out: the folder for the tables and the page.
    plot: also write a page. open: write it, and open it in the browser. split: of the samples, by default "test", else
    the only one. id: of the samples; None chooses of each class the most confident right and wrong prediction.

    The result has the tables `explained`, `explanations`, `occlusion` and `filters`.
    """
    require_language(lang)
    from pipelines.networks.explain import explain as run
    from pipelines.networks.explain import reproduction

    source, network, folder = dataset_of(dataset), model_file(model), location_of(out)
    with claimed(folder, overwrite) as replace:
        with showing(progress) as report:
            tables = run(network, source, folder, split, several(id), overwrite=replace, report=report)
        made_by = reproduction(tables, Path(network)) if plot or open else None
        ids: list[int] = several(id)
        named = [word for sample in ids for word in option("--id", sample)]
        inputs, words = (Network(network), source), (*option("--split", split), *named)
        call = Call(command="explain", inputs=inputs, out=folder, out_flag=False, words=words)
        place = f"{folder}/{PAGE}"
        page = draw_page(
            plot,
            tables,
            source,
            place,
            overwrite=replace,
            kind="Explanations",
            call=call,
            made_by=made_by,
            open=open,
            lang=lang,
        )
    return Result("explain", out=folder, tables=tables, page=page)


def export_onnx(model: Place, out: Place, *, overwrite: bool = False) -> Result:
    """Write a model as ONNX, which takes images as they are stored in the dataset and gives probabilities.

    model: a .safetensors file that `train` or `compress` has written, or its folder. out: the file, whose name is given
    the ending .onnx where it has another. Raises MissingExtra without PyTorch or onnx.
    """
    from pipelines.networks.export.onnx_file import export_onnx as run

    path = location_of(out) if location_of(out).endswith(".onnx") else f"{location_of(out)}.onnx"
    with claimed(path, overwrite) as replace:
        run(model_file(model), path, overwrite=replace)
    return Result("export_onnx", out=path)


def compress(
    model: Place,
    dataset: Place,
    out: Place,
    *,
    amount: float = _COMPRESS.amount,
    calibration: int = _COMPRESS.calibration,
    epochs: int | None = _COMPRESS.epochs,
    learning_rate: float = _COMPRESS.learning_rate,
    seed: int = _COMPRESS.seed,
    plot: bool = False,
    open: bool = False,
    lang: str = ENGLISH,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Result:
    """Make a model smaller: as int8, with fewer channels, and both; the table compares each with the original.

    model: a .safetensors file that `train` has written, or its folder. dataset: what it was trained on; its test split
    is read once, for the table. amount: fraction of each layer's channels that is taken out. calibration: training
    samples that fix the range of each layer. epochs: over the training data after pruning; None: 3, more for a small
    set. plot: also write a page. open: write it, and open it in the browser.

    The result has the table `compression`, a row a file, and `findings`. Raises MissingExtra without PyTorch, onnx or
    onnxruntime.
    """
    require_language(lang)
    from pipelines.networks.compress import compress as run
    from pipelines.networks.findings import compression_findings

    params = Compress(amount=amount, calibration=calibration, epochs=epochs, learning_rate=learning_rate, seed=seed)
    source, network, folder = dataset_of(dataset), model_file(model), location_of(out)
    with claimed(folder, overwrite) as replace:
        with showing(progress) as report:
            table = run(network, source, folder, params, overwrite=replace, report=report)
        tables = {"compression": table, "findings": compression_findings(table)}
        page = draw_page(
            plot,
            tables,
            source,
            f"{folder}/{PAGE}",
            overwrite=replace,
            kind="Compression",
            call=Call(
                command="compress", inputs=(Network(network), source), out=folder, out_flag=False, settings=params
            ),
            open=open,
            lang=lang,
        )
    return Result("compress", out=folder, tables=tables, page=page)
