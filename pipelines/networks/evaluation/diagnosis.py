"""Diagnosing a training from its history, its network and its training samples: what went wrong and what to try.

The epoch that is kept is evaluated. The thresholds below are relative to quantities of the data: the accuracy of always
predicting one class, the width of an interval, the number of units of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_data.batch import Integers
from mnist_data.parquet.messages import joined, mark, message
from pipelines.engine.id_hash import hashes
from pipelines.networks.data.loader import steps
from pipelines.networks.data.samples import Samples
from pipelines.networks.evaluation.neighbours import MOST, SLIGHT, Neighbourhood, neighbourhood
from pipelines.networks.evaluation.predictions import predict
from pipelines.networks.evaluation.probe import PROBED, ProbedLayer, probe_layers, weight_change
from pipelines.networks.evaluation.scores import wilson
from pipelines.networks.training.fit import EpochRecord, Fit
from pipelines.settings.training import Train
from pipelines.statistics.findings import Finding

if TYPE_CHECKING:
    from torch import nn

Fractions = npt.NDArray[np.float64]
"""(classes,) float64, adding up to 1."""

LEAST_EXPLAINED = 0.05
"""Fraction of the labels' entropy: a network that explains less has learned nothing."""

GAP = 0.05
"""Least gap between training and validation accuracy, by the lower end of its interval, that is reported.
MNIST and the embedded sample stay below 0.03 without any augmentation."""

DEAD = 2 / 3
"""Largest fraction of dead units in a layer: before training up to 0.5 of lenet5's are dead, and it trains well."""

SETTLED = 50
"""Steps after which 0.5 % of their initial values is left in the running norms: 0.9 to the 50th."""

LEAST_CHANGE = 0.1
"""Relative to the norm of the initial weights: a network that changed less is still about the initial one."""


@dataclass(frozen=True)
class Score:
    """How well samples are predicted.

    role: "training" or "validation". chance: the fraction of their largest class. explained: how much lower the loss is
    than that of always predicting the class frequencies, as a fraction of the possible reduction; below 0 it is higher.
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
    def learned(self) -> bool:
        """Whether the loss shows that something was learned; a NaN loss does not."""
        return self.explained >= LEAST_EXPLAINED

    def above_chance(self, margin: float = 0.0) -> bool:
        """Whether the interval lies above chance, by a margin of the way from there to 1."""
        return self.interval[0] > self.chance + margin * (1 - self.chance)


def diagnose(
    outcome: Fit, samples: Samples, validation_labels: Integers, classes: int, params: Train, initial: nn.Module
) -> list[Finding]:
    """Say what went wrong in a training, causes before consequences; an empty list where all is well.

    samples: the training samples, some of which are predicted again, chosen by the hashes of their ids.
    validation_labels: (n,). initial: the network before the training.
    The accuracy of the kept network on its training samples is measured again: in training the norms were those of each
    batch, which the running ones approach only after `SETTLED` steps.
    """
    kept = outcome.history[outcome.best_epoch - 1]
    training, validation = scores(kept, samples.labels, validation_labels, classes, params.label_smoothing)
    probed = _subset(samples, PROBED)
    hits = predict(outcome.model, probed.images).argmax(1) == probed.labels
    final = replace(training, samples=len(hits), accuracy=float(hits.mean()))
    layers = probe_layers(outcome.model, probed.images[:])
    dead = [layer for layer in layers if layer.dead > DEAD * layer.units]
    findings = [dead_units(dead)] if dead else []
    failed = at_chance(training, validation)
    if failed or not validation:
        originals = samples.take(samples.copies == 0)  # a copy's nearest neighbour is its original
        compared = _subset(originals if len(originals.ids) else samples, MOST)
        near = neighbourhood(compared.images[:], compared.labels)
        if near.at_chance:
            return [unrelated_labels(near, final, validation)]  # all else follows from that
    if failed:
        change = weight_change(outcome.model, initial)
        taken = kept.epoch * steps(len(samples.labels), params.batch_size)
        return [accuracy_at_chance(training, final, validation, change, taken, params.learning_rate), *findings]
    if validation and min(least_gap(training, validation), least_gap(final, validation)) > GAP:
        return [overfitting(final, validation), *findings]
    return findings


def _subset(samples: Samples, most: int) -> Samples:
    """Choose samples by the hashes of their ids, so that classes are mixed."""
    return samples.take(np.argsort(hashes(samples.ids), kind="stable")[:most])


def scores(
    kept: EpochRecord, training_labels: Integers, validation_labels: Integers, classes: int, smoothing: float
) -> tuple[Score, Score | None]:
    """Give the scores of an epoch on the training samples and, where there are any, on the validation samples."""
    counts = np.bincount(training_labels, minlength=classes)
    prior = _smoothed((counts + 1) / (len(training_labels) + classes), smoothing)  # none of them 0
    training = _score(mark("training"), kept.train_accuracy, kept.train_loss, training_labels, prior, smoothing)
    if not len(validation_labels):
        return training, None
    return training, _score(
        mark("validation"), kept.validation_accuracy, kept.validation_loss, validation_labels, prior, 0.0
    )


def _score(role: str, accuracy: float, loss: float, labels: Integers, prior: Fractions, smoothing: float) -> Score:
    fractions = np.bincount(labels, minlength=len(prior)) / len(labels)
    constant = -(_smoothed(fractions, smoothing) * np.log(prior)).sum()
    target = _smoothed(np.eye(len(prior))[0], smoothing)
    perfect = -(target[target > 0] * np.log(target[target > 0])).sum()
    explained = float((constant - loss) / (constant - perfect))
    return Score(role, len(labels), accuracy, float(fractions.max()), explained)


def _smoothed(fractions: Fractions, smoothing: float) -> Fractions:
    """Apply label smoothing to fractions of classes."""
    smoothed: Fractions = (1 - smoothing) * fractions + smoothing / len(fractions)
    return smoothed


def at_chance(training: Score, validation: Score | None) -> bool:
    """Say whether a network is no better than predicting without the image.

    Its loss is not below that of predicting the class frequencies, and its accuracy is not above that of predicting the
    largest class. If it has not learned its training samples either, a margin above that is required: the accuracy of
    untrained networks on ten balanced classes was 0.10 to 0.16.
    """
    score = validation or training
    return not score.learned and not score.above_chance(0.0 if training.learned else SLIGHT)


def accuracy_at_chance(
    training: Score, final: Score, validation: Score | None, change: float, taken: int, rate: float
) -> Finding:
    """Distinguish the causes of accuracy at chance where labels fit the images.

    final: of the finished network on training samples. change: of the weights, relative to their initial norm. taken:
    steps until the epoch that is kept. rate: the training's highest learning rate.
    """
    if change < LEAST_CHANGE:
        more = message(
            "The weights have changed by {change:.1g} of their size, so the network is nearly the initial one.",
            change=change,
        )
        advice = message("Try more epochs, or a learning_rate above {rate:g}: 0.01 suits most networks.", rate=rate)
    elif training.learned and not final.above_chance(SLIGHT):
        more = message(
            "Training accuracy was {during:.1%} during the epoch and is {now:.1%} now.",
            during=training.accuracy,
            now=final.accuracy,
        )
        advice = message(
            "Batch norms need about {steps} steps to settle: try more epochs, or a smaller batch_size.", steps=SETTLED
        )
    elif validation and training.learned:
        more = message("Training accuracy is {accuracy:.1%}.", accuracy=final.accuracy)
        advice = message(
            "The network does not generalize to the validation samples. Check that they are labelled and prepared as "
            "the training samples are (scale, polarity, size and place of the ink), or use more training samples."
        )
    else:
        more = message(
            "The weights have changed by {change:,.1f} times their size, and nothing was learned.", change=change
        )
        advice = message("Try learning_rate {tenth:g}, a tenth of {rate:g}.", tenth=rate / 10, rate=rate)
        if taken < SETTLED:
            advice = message(
                "Only {steps} steps were made: try more epochs. If that does not help: try learning_rate {tenth:g}, a "
                "tenth of {rate:g}.",
                steps=taken,
                tenth=rate / 10,
                rate=rate,
            )
    evidence = message("{sentence} {next}", sentence=_accuracy_text(validation or training), next=more)
    return Finding(message("accuracy at chance"), evidence, advice)


def _accuracy_text(score: Score) -> str:
    low, high = score.interval
    return message(
        "Accuracy on {samples:,} {role} samples is {accuracy:.1%} (95 % interval {low:.1%} to {high:.1%}); always "
        "predicting the largest class gives {chance:.1%}.",
        samples=score.samples,
        role=message(score.role),
        accuracy=score.accuracy,
        low=low,
        high=high,
        chance=score.chance,
    )


def unrelated_labels(near: Neighbourhood, final: Score, validation: Score | None) -> Finding:
    """Report that labels are as good as random, whatever the network's accuracy."""
    evidence = message(
        "Of {samples:,} training images {alike:.1%} have the label of their nearest neighbour; with random labels "
        "{chance:.1%} would.",
        samples=near.samples,
        alike=near.alike / near.samples,
        chance=near.chance,
    )
    if validation:
        evidence = message("{sentence} {next}", sentence=evidence, next=_accuracy_text(validation))
    if final.learned and final.above_chance():
        memorized = message("The training accuracy of {accuracy:.1%} is memorized.", accuracy=final.accuracy)
        evidence = message("{sentence} {next}", sentence=evidence, next=memorized)
    return Finding(
        message("labels do not fit the images"),
        evidence,
        message(
            "Images and labels are probably of different files, or in different orders. Look at some of them with "
            "their labels (mnist-data stats DATASET --plot), and convert again from files that belong together."
        ),
    )


def least_gap(training: Score, validation: Score) -> float:
    """Give the lower end of the 95 % interval of training accuracy minus validation accuracy.

    By Newcombe (Statistics in Medicine 17, 1998, method 10), from both Wilson intervals.
    """
    below, above = training.accuracy - training.interval[0], validation.interval[1] - validation.accuracy
    return training.accuracy - validation.accuracy - math.hypot(below, above)


def overfitting(final: Score, validation: Score) -> Finding:
    """Report that training samples were memorized."""
    gap = final.accuracy - validation.accuracy
    return Finding(
        message("training far above validation"),
        message(
            "Accuracy is {training:.1%} on {training_samples:,} training samples and {validation:.1%} on "
            "{validation_samples:,} validation samples: {gap:.1f} points less, with 95 % confidence at least "
            "{least:.1f}.",
            training=final.accuracy,
            training_samples=final.samples,
            validation=validation.accuracy,
            validation_samples=validation.samples,
            gap=100 * gap,
            least=100 * least_gap(final, validation),
        ),
        message(
            "The network has memorized training samples. Try a recipe (--recipe mild), more training samples, dropout "
            "0.3, fewer epochs, or a smaller model."
        ),
    )


def dead_units(layers: Sequence[ProbedLayer]) -> Finding:
    """Report layers most of whose units are dead."""
    counts = joined(
        [
            message("{dead} of {units} in {layer}", dead=layer.dead, units=layer.units, layer=repr(layer.name))
            for layer in layers
        ]
    )
    evidence = message(
        "ReLU units that are 0 for every one of up to {probed} training images: {counts}.",
        probed=PROBED,
        counts=counts,
    )
    if any(layer.dead == layer.units for layer in layers):
        constant = message("The network predicts the same for every image.")
        evidence = message("{sentence} {next}", sentence=evidence, next=constant)
    return Finding(
        message("dead units"),
        evidence,
        message(
            "A dead unit is not trained any more. Train from the beginning with a lower learning_rate, or use a model "
            "with batch norm (tiny, small, large)."
        ),
    )
