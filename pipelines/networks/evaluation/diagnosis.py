"""What went wrong in a training and what to try, told by its history, its network and the samples it learnt from.

A training is judged by the epoch that is kept. Each bar below is a fraction of something that the data themselves say:
what always naming one class gives, what an interval leaves open, how wide a layer is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from mnist_data.batch import Integers
from pipelines.engine.id_hash import hashes
from pipelines.networks.data.loader import steps
from pipelines.networks.data.samples import Samples
from pipelines.networks.evaluation.neighbours import MOST, SLIGHT, Neighbourhood, neighbourhood
from pipelines.networks.evaluation.predictions import predict
from pipelines.networks.evaluation.probe import PROBED, Layer, probe_layers, way_of_weights
from pipelines.networks.evaluation.scores import wilson
from pipelines.networks.training.fit import EpochDone, Fit
from pipelines.settings.training import Train

if TYPE_CHECKING:
    from torch import nn

Shares = npt.NDArray[np.float64]
"""(classes,) float64, of 1 in all."""

LEAST_EXPLAINED = 0.05
"""Of what the labels leave unknown: a network that takes away less has learnt nothing."""

GAP = 0.05
"""Of the samples: by so much training must surely be more accurate than validation to be called far above it.
MNIST and the embedded sample stay below 0.03 without any augmentation."""

DEAD = 2 / 3
"""Of a layer's units: before any training up to 0.5 of lenet5's are dead, and it learns well."""

SETTLED = 50
"""Steps after which 0.5 % is left in the running norms of what they began with: 0.9 to the 50th."""

WAY = 0.1
"""Of the weights' own size: a network that came less far is still the one that was drawn."""


@dataclass(frozen=True)
class Finding:
    """Something that went wrong: its name, the numbers that show it, and what to try."""

    finding: str
    evidence: str
    advice: str


@dataclass(frozen=True)
class Score:
    """How well samples are predicted.

    role: "training" or "validation". chance: the fraction of their largest class. explained: what fraction of the loss
    of a network that answers the classes' shares, whatever the image, is gone; below 0 it does worse than that.
    """

    role: str
    samples: int
    accuracy: float
    chance: float
    explained: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return wilson(round(self.accuracy * self.samples), self.samples)

    @property
    def learnt(self) -> bool:
        """Whether the loss says that something was learnt; a loss that is no number does not."""
        return self.explained >= LEAST_EXPLAINED

    def above_chance(self, margin: float = 0.0) -> bool:
        """Whether the interval lies above chance, by a margin of the way from there to 1."""
        return self.interval[0] > self.chance + margin * (1 - self.chance)


def diagnose(
    outcome: Fit, learn: Samples, held: Integers, classes: int, params: Train, begun: nn.Module
) -> list[Finding]:
    """Say what went wrong in a training, the cause before what may follow from it; an empty list where all is well.

    learn: what was learnt from; of the images some are looked at again, chosen by the hashes of their ids. held: the
    labels of the validation samples, (n,). begun: the network as it was before the training.
    What the kept network knows of its training samples is asked anew: in training it saw them with the norms of each
    batch, which the running ones follow only after `SETTLED` steps.
    """
    kept = outcome.history[outcome.best_epoch - 1]
    training, validation = scores(kept, learn.labels, held, classes, params.label_smoothing)
    probed = _some(learn, PROBED)
    right = predict(outcome.model, probed.images).argmax(1) == probed.labels
    known = replace(training, samples=len(right), accuracy=float(right.mean()))
    layers = probe_layers(outcome.model, probed.images[:])
    dead = [layer for layer in layers if layer.dead > DEAD * layer.units]
    found = [dead_units(dead)] if dead else []
    lost = at_chance(training, validation)
    if lost or not validation:
        original = learn.take(learn.copies == 0)  # a copy's nearest neighbour is its original
        some = _some(original if len(original.ids) else learn, MOST)
        near = neighbourhood(some.images[:], some.labels)
        if near.says_nothing:
            return [labels_apart(near, known, validation)]  # all else comes of that
    if lost:
        way = way_of_weights(outcome.model, begun)
        made = kept.epoch * steps(len(learn.labels), params.batch_size)
        return [accuracy_at_chance(training, known, validation, way, made, params.learning_rate), *found]
    if validation and min(least_gap(training, validation), least_gap(known, validation)) > GAP:
        return [far_above(known, validation), *found]
    return found


def _some(samples: Samples, most: int) -> Samples:
    """Choose by the hashes of ids, in whose order no class comes first."""
    return samples.take(np.argsort(hashes(samples.ids), kind="stable")[:most])


def scores(
    kept: EpochDone, learnt: Integers, held: Integers, classes: int, smoothing: float
) -> tuple[Score, Score | None]:
    """Give what an epoch came to on the training samples and, where some are held out, on those; by their labels."""
    fractions = (np.bincount(learnt, minlength=classes) + 1) / (len(learnt) + classes)  # none of them 0
    answer = _smoothed(fractions, smoothing)
    training = _score("training", kept.train_accuracy, kept.train_loss, learnt, answer, smoothing)
    if not len(held):
        return training, None
    return training, _score("validation", kept.validation_accuracy, kept.validation_loss, held, answer, 0.0)


def _score(role: str, accuracy: float, loss: float, labels: Integers, answer: Shares, smoothing: float) -> Score:
    fractions = np.bincount(labels, minlength=len(answer)) / len(labels)
    constant = -(_smoothed(fractions, smoothing) * np.log(answer)).sum()
    confidence = _smoothed(np.eye(len(answer))[0], smoothing)
    perfect = -(confidence[confidence > 0] * np.log(confidence[confidence > 0])).sum()
    explained = float((constant - loss) / (constant - perfect))
    return Score(role, len(labels), accuracy, float(fractions.max()), explained)


def _smoothed(fractions: Shares, smoothing: float) -> Shares:
    """Bring fractions of classes to what label smoothing makes the targets' shares."""
    smoothed: Shares = (1 - smoothing) * fractions + smoothing / len(fractions)
    return smoothed


def at_chance(training: Score, validation: Score | None) -> bool:
    """Say whether a network knows no more than which classes there are.

    Its loss is not below that of a network without eyes, and it is not more often right than by naming the largest
    class. One that has not learnt from its training samples either must be right more often than that: drawn at
    random, of ten balanced classes it has been right for 0.10 to 0.16.
    """
    judged = validation or training
    return not judged.learnt and not judged.above_chance(0.0 if training.learnt else SLIGHT)


def accuracy_at_chance(
    training: Score, known: Score, validation: Score | None, way: float, made: int, rate: float
) -> Finding:
    """Tell the causes of chance apart, where labels fit the images.

    known: what the finished network makes of some training samples. way: how far the weights have come, by their
    size. made: steps until the epoch that is kept. rate: the training's highest.
    """
    told = _at_chance_told(validation or training)
    if way < WAY:
        told += f" The weights have moved by {way:.1g} of their size, so the network is nearly the one that was drawn."
        advice = f"Try more epochs, or a learning_rate above {rate:g}: 0.01 suits most networks."
    elif training.learnt and not known.above_chance(SLIGHT):
        told += f" While it learnt, {training.accuracy:.1%} of the training samples were; now {known.accuracy:.1%} are."
        advice = f"Batch norms need some {SETTLED} steps to settle: try more epochs, or a smaller batch_size."
    elif validation and training.learnt:
        told += f" Of the training samples {known.accuracy:.1%} are."
        advice = (
            "What was learnt does not hold for the validation samples. See that they are labelled and prepared as the "
            "training samples are (scale, polarity, size and place of the ink), or take more training samples."
        )
    else:
        told += f" The weights have moved by {way:,.1f} times their size, and nothing was learnt."
        advice = f"Try learning_rate {rate / 10:g}, a tenth of {rate:g}."
        if made < SETTLED:
            advice = (
                f"Only {made} steps were made: try more epochs. If that does not help: {advice[0].lower()}{advice[1:]}"
            )
    return Finding("accuracy at chance", told, advice)


def _at_chance_told(score: Score) -> str:
    low, high = score.interval
    return (
        f"{score.accuracy:.1%} of {score.samples:,} {score.role} samples are right (95 % interval {low:.1%} to "
        f"{high:.1%}), where always naming the largest class gives {score.chance:.1%}."
    )


def labels_apart(near: Neighbourhood, known: Score, validation: Score | None) -> Finding:
    """Tell that labels were dealt to the images at random, whatever the network made of it."""
    told = (
        f"Of {near.samples:,} training images {near.alike / near.samples:.1%} have the label of the image most like "
        f"them; of labels dealt at random {near.chance:.1%} would."
    )
    if validation:
        told += f" {_at_chance_told(validation)}"
    if known.learnt and known.above_chance():
        told += f" What is right of the training samples, {known.accuracy:.1%}, is learnt by heart."
    return Finding(
        "labels do not fit the images",
        told,
        "Images and labels are probably of different files, or in different orders. Look at some of them with their "
        "labels (mnist-data stats DATASET --plot), and convert again from files that belong together.",
    )


def least_gap(training: Score, validation: Score) -> float:
    """Give the lower end of the 95 % interval of how much more accurate training is than validation.

    By Newcombe (Statistics in Medicine 17, 1998, method 10), from both Wilson intervals.
    """
    below, above = training.accuracy - training.interval[0], validation.interval[1] - validation.accuracy
    return training.accuracy - validation.accuracy - math.hypot(below, above)


def far_above(known: Score, validation: Score) -> Finding:
    """Tell that samples were learnt by heart."""
    gap = known.accuracy - validation.accuracy
    return Finding(
        "training far above validation",
        f"{known.accuracy:.1%} of {known.samples:,} training samples are right, and {validation.accuracy:.1%} of "
        f"{validation.samples:,} validation samples: {100 * gap:.1f} points less, and surely "
        f"{100 * least_gap(known, validation):.1f}.",
        "The network has learnt samples by heart. Try a recipe (--recipe mild), more training samples, dropout 0.3, "
        "fewer epochs, or a smaller model.",
    )


def dead_units(layers: Sequence[Layer]) -> Finding:
    """Tell that layers are mostly idle."""
    counts = ", ".join(f"{layer.dead} of {layer.units} in {layer.name!r}" for layer in layers)
    gone = any(layer.dead == layer.units for layer in layers)
    return Finding(
        "dead units",
        f"Units of ReLU layers that answer 0 to every one of up to {PROBED} training images: {counts}."
        f"{' So the network says the same whatever the image.' if gone else ''}",
        "A dead unit does not learn any more. Train from the beginning with a lower learning_rate, or take a model "
        "with batch norm (tiny, small, large).",
    )


def diagnosis_table(found: Mapping[int, Sequence[Finding]]) -> pd.DataFrame:
    """Tabulate the findings of each seed, a row each: seed, finding, evidence, advice."""
    rows = [{"seed": seed, **asdict(one)} for seed, findings in found.items() for one in findings]
    table = pd.DataFrame(rows, columns=["seed", "finding", "evidence", "advice"]).astype("str")
    return table.astype({"seed": np.int64})


def in_words(model: str, diagnosis: pd.DataFrame) -> tuple[str, ...]:
    """Give the findings of a model's table as warnings, one each."""
    return tuple(
        f"{model}, seed {row.seed}: {row.finding}. {row.evidence} {row.advice}" for row in diagnosis.itertuples()
    )
