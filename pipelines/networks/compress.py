"""The compression stage: a trained network in; the same network quantized to int8, pruned, and both, out.

A table compares each with the original: bytes, time, accuracy. Calibration and further training use training samples,
validation samples choose the best epoch; the test split is read once, when every file is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mnist_data import storage
from mnist_data.batch import Batch, Images
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.schema import stage_of
from mnist_data.parquet.tables import provenance, require_folder, write_table
from pipelines.engine.execution import Progress, Report, silent
from pipelines.engine.id_hash import hashes
from pipelines.engine.map_dataset import require_images
from pipelines.engine.memory import require_whole
from pipelines.images.levels import levels_of
from pipelines.networks.data.as_trained import ready
from pipelines.networks.data.division import training_samples
from pipelines.networks.data.loader import Augmentation
from pipelines.networks.data.samples import Samples, read_samples
from pipelines.networks.evaluation.out_of_distribution import Detector, fit_detector, save_detector
from pipelines.networks.evaluation.predictions import predict
from pipelines.networks.export.comparison import Variant, compare
from pipelines.networks.export.graph import onnx_graph, require_onnx
from pipelines.networks.export.onnx_file import load_onnx, save_onnx, without_training
from pipelines.networks.export.pruning import prune
from pipelines.networks.export.quantization import quantize
from pipelines.networks.training.fit import State, check_labels, fit
from pipelines.networks.training.model_file import load_model, save_model
from pipelines.settings.training import Compress, Train

if TYPE_CHECKING:
    from torch import nn


def compress(
    model: str | Path,
    source: Dataset,
    folder: str | Path,
    params: Compress | None = None,
    *,
    overwrite: bool = False,
    report: Report = silent,
) -> pd.DataFrame:
    """Make a network smaller in three ways: quantized to int8, pruned, both; compare each with the original.

    model: a file that `train` has written. source: the dataset that it was trained on, or one of its kind.

    Writes into the folder, for small.safetensors and half of its channels, small.onnx, small-int8.onnx,
    small-pruned-50.safetensors, small-pruned-50.onnx, small-pruned-50-int8.onnx, and the table compression, which it
    gives, as `compare` describes it.

    Raises OutputExists where the folder is not empty and `overwrite` is not set, MissingExtra without PyTorch, onnx or
    onnxruntime, UnreadableInput for what is no model, WrongUse for images or labels of another kind than it was trained
    on.
    """
    require_onnx()
    require_folder(folder, overwrite)
    network, configuration = load_model(model)
    require_images(source)
    params = params or Compress()
    require_whole(params.stage, source, 1, [])
    settings = _settings(configuration, params)
    training, validation = (_ready(samples, configuration, source) for samples in training_samples(source, settings))
    order = np.argsort(hashes(training.ids, params.seed), kind="stable")
    calibration = training.images[order[: params.calibration]]

    name = f"{folder}/{Path(model).stem}"
    variants = [Variant(str(model), partial(predict, network), network)]
    variants += _exported(network, configuration, name, calibration)
    smaller, described = prune(network, without_training(configuration), params.amount)
    smaller, detector = _fine_tuned(smaller, training, validation, configuration, settings, source, report)
    pruned = f"{name}-pruned-{100 * params.amount:.0f}"
    save_model(smaller, f"{pruned}.safetensors", described)
    if detector is not None:
        save_detector(detector, f"{pruned}.safetensors")
    variants.append(Variant(f"{pruned}.safetensors", partial(predict, smaller), smaller))
    variants += _exported(smaller, described, pruned, calibration)

    samples, split = validation, "validation"
    if "test" in source.splits:
        samples, split = _originals(_ready(read_samples(source, "test"), configuration, source)), "test"
    table = compare(variants, samples.images[:], samples.labels).assign(split=split)
    inputs = {source.metadata.dataset: source.content, "model": storage.sha256_of(Path(model))}
    write_table(table, f"{folder}/compression", provenance(params.stage, inputs, params.recorded()))
    return table


def _settings(configuration: Mapping[str, Any], params: Compress) -> Train:
    """Give the settings of the training after pruning: recipe and validation as the original's, others from params."""
    original = Train.from_recorded(configuration.get("parameters", {}))
    return Train(
        model=configuration["name"],
        epochs=params.epochs,
        learning_rate=params.learning_rate,
        recipe=original.recipe,
        validation_fraction=original.validation_fraction,
        seed=configuration.get("plan", {}).get("validation_seed", original.seed),
    )


def _ready(samples: Samples, configuration: Mapping[str, Any], source: Dataset) -> Samples:
    """Normalize samples as the network's training data was. Raises WrongUse for other images or labels."""
    batch = ready(configuration, Batch(samples.ids, samples.labels, samples.images[:]), source.metadata.stages)
    check_labels("dataset's", batch.labels, configuration["classes"])
    return replace(samples, images=batch.images)


def _originals(samples: Samples) -> Samples:
    return samples.take(samples.copies == 0)


def _exported(network: nn.Module, configuration: Mapping[str, Any], name: str, calibration: Images) -> list[Variant]:
    """Write NAME.onnx and NAME-int8.onnx."""
    graph = onnx_graph(network, configuration)
    models = {f"{name}.onnx": graph, f"{name}-int8.onnx": quantize(graph, calibration)}
    for path, model in models.items():
        save_onnx(model, path, configuration)
    return [Variant(path, load_onnx(path)[0], network) for path in models]


def _fine_tuned(
    network: nn.Module,
    training: Samples,
    validation: Samples,
    configuration: Mapping[str, Any],
    settings: Train,
    source: Dataset,
    report: Report,
) -> tuple[nn.Module, Detector | None]:
    """Train a pruned network further; give with it what says which images are of none of its classes."""
    stages = tuple(stage_of(stage) for stage in configuration.get("stages", ()))
    levels = levels_of(replace(source.metadata, stages=stages, dtype=configuration.get("dtype", "uint8")))
    augmentation = Augmentation(settings.recipe, levels)
    loader = training.loader(augmentation)

    def after_epoch(state: State) -> None:
        record, samples = state.history[-1], len(training.ids)
        report(Progress("after pruning", record.epoch * samples, record.epochs * samples))

    tuned = fit(loader, validation.loader(), configuration["classes"], settings, after_epoch, start=network).model
    return tuned, fit_detector(tuned, loader, validation.loader(augmentation), settings.seed)
