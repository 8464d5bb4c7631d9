"""What predictions, comparisons, explanations, sweeps and compressions say in sentences, as a page begins with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mnist_data.errors import first_few
from pipelines.networks.evaluation.paired import LEVEL
from pipelines.statistics.findings import NOTE, PROBLEM, WARNING, Finding, findings_table

if TYPE_CHECKING:
    from pipelines.networks.predict import Predictions

MANY_REJECTED = 0.2
"""Fraction of images of none of the classes from which the images are of another kind, and not single ones odd."""

UNSURE = 0.5
"""Confidence below which a prediction is as good as a guess between two classes."""


def prediction_findings(predicted: Predictions) -> pd.DataFrame:
    """Give the findings of predictions: how many are correct, of none of the classes, seen in training, or unsure."""
    table = predicted.table
    found = [*_correct(table), *_rejected(predicted), *_seen(table), *_unsure(table)]
    return findings_table([*found, *(Finding(note, section="predictions") for note in predicted.notes)])


def _correct(table: pd.DataFrame) -> Iterator[Finding]:
    known = table["correct"].dropna().astype(bool)
    if known.empty:
        counts = table["name"].value_counts(sort=False).sort_values(ascending=False, kind="stable")
        listed = ", ".join(f"{name} ({count:,})" for name, count in counts.head(3).items())
        yield Finding(
            f"{len(table):,} images are predicted; most often {listed}.",
            "No image has a label that the model knows, so nothing says how many predictions are correct.",
            severity=NOTE,
            section="predictions",
        )
        return
    wrong = table[table["correct"].fillna(True).astype(bool).eq(False)]
    pairs = (wrong["label_name"].astype(str) + " → " + wrong["name"].astype(str)).value_counts(sort=False).nlargest(1)
    most = ", ".join(f"{count:,} of them {pair}" for pair, count in pairs.items())
    number = f"{len(wrong):,}" if len(wrong) else "None"
    yield Finding(
        f"{number} of {len(known):,} predictions with a known label {'is' if len(wrong) == 1 else 'are'} wrong"
        f"{f', {most}' if most else ''}.",
        f"Accuracy {known.mean():.2%}.",
        severity=NOTE,
        section="predictions",
    )


def _rejected(predicted: Predictions) -> Iterator[Finding]:
    rejected, images = predicted.none_of_the_classes, len(predicted.table)
    if not rejected:
        return
    many = rejected / max(1, images) >= MANY_REJECTED
    advice = (
        "Look whether these images are of the kind that the model was trained on: size, dark background, one sign each."
        if many
        else "Look at them; they may be of another class, cut off, or upside down."
    )
    yield Finding(
        f"{rejected:,} of {images:,} images {'is' if rejected == 1 else 'are'} probably of none of the classes.",
        f"That is {rejected / max(1, images):.1%}; their score is beyond that of the training data.",
        advice,
        PROBLEM if many else WARNING,
        "predictions",
    )


def _seen(table: pd.DataFrame) -> Iterator[Finding]:
    seen = table["in_training_data"]
    number = int(seen.fillna(False).astype(bool).sum())
    if number:
        yield Finding(
            f"{number:,} of {len(table):,} images have the pixels of a training sample.",
            "On these the model may remember instead of recognise.",
            "Judge it by the accuracy without them.",
            WARNING,
            "predictions",
        )


def _unsure(table: pd.DataFrame) -> Iterator[Finding]:
    number = int((table["probability"] < UNSURE).sum())
    if number:
        yield Finding(
            f"{number:,} of {len(table):,} predictions {'has' if number == 1 else 'have'} a confidence below 50 %.",
            severity=NOTE,
            section="predictions",
        )


def comparison_findings(comparison: pd.DataFrame, verdict: str) -> pd.DataFrame:
    """Give the findings of a comparison: the verdict, and on how many samples the two differ.

    verdict: of the first row, which is of the ensembles.
    """
    row = comparison.iloc[0]
    points, low, high = (100 * row[name] for name in ("difference", "low", "high"))
    significant = row["p"] < LEVEL
    evidence = (
        f"Accuracy of A {row['accuracy_a']:.2%}, of B {row['accuracy_b']:.2%}; B minus A {points:+.2f} points, 95 % "
        f"interval {low:.2f} … {high:.2f}."
    )
    advice = "" if significant else "More test samples, or more seeds of each, would show a smaller difference."
    found = [Finding(verdict, evidence, advice, WARNING if significant and points < 0 else NOTE, "comparison")]
    apart = int(row["only_a"] + row["only_b"])
    found.append(
        Finding(
            f"{int(row['only_a']):,} samples only A predicts correctly, {int(row['only_b']):,} only B.",
            f"These {apart:,} of {int(row['samples']):,} decide; both are correct on {int(row['both']):,}, neither on "
            f"{int(row['neither']):,}.",
            severity=NOTE,
            section="comparison",
        )
    )
    return findings_table(found)


def explanation_findings(explained: pd.DataFrame, explanations: pd.DataFrame) -> pd.DataFrame:
    """Give the findings of explanations: the errors that were explained, and where predictions rest on the background.

    explained, explanations: the tables of `explain`.
    """
    samples = explained.drop_duplicates("id")
    wrong = samples[(samples["label"] != samples["predicted"]) & (samples["label"] >= 0)]
    pairs = [f"{row['name']} → {row['predicted_name']}" for row in wrong.to_dict("records")]
    found = [
        Finding(
            f"{len(samples):,} samples are explained, {len(wrong):,} of them errors"
            f"{f': {first_few(pairs, 3)}' if pairs else ''}.",
            "",
            "",
            NOTE,
            "explained",
        )
    ]
    strongest = explanations.groupby(["id", "target"], sort=False)["occlusion"].max()
    steady = strongest[strongest < STEADY]
    if len(steady):
        ids = list(dict.fromkeys(str(sample) for sample, _ in steady.index))
        found.append(
            Finding(
                f"No single part of the image decides {len(ids):,} of these predictions: samples {first_few(ids, 5)}.",
                f"Whatever patch is covered, the probability falls by less than {STEADY:.0%}.",
                severity=NOTE,
                section="explained",
            )
        )
    return findings_table(found)


STEADY = 0.05
"""Fall of a probability below which no patch counts as decisive."""


def sweep_findings(sweep: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Give the findings of a sweep: the best point, what matters most, and trainings that diverged.

    sweep, effects: the tables of `sweep`.
    """
    varied = list(dict.fromkeys(effects["setting"])) if len(effects) else []
    best, found = sweep.iloc[0], []
    diverged = int(sweep["validation_accuracy"].isna().sum())
    if diverged:
        found.append(
            Finding(
                f"{diverged:,} of {len(sweep):,} points diverged.",
                "Their loss became infinite or NaN, so they have no score.",
                "Take a lower learning rate there.",
                WARNING,
                "sweep",
            )
        )
    if not np.isnan(best["validation_accuracy"]):
        settings = ", ".join(f"{name} {best[name]}" for name in varied) or "its only point"
        found.append(Finding(f"Best: {settings}.", _score(best), _seeds_advice(best), NOTE, "sweep"))
    if varied:
        reach = effects.groupby("setting", sort=False)["below_best"].max().sort_values(ascending=False)
        name, points = str(reach.index[0]), 100 * float(reach.iloc[0])
        values = list(effects.loc[effects["setting"] == name, "value"])
        found.append(
            Finding(
                f"{name} matters most: {values[0]} is {points:.2f} points better than {values[-1]}.",
                "Mean validation accuracy over all other settings.",
                severity=NOTE,
                section="sweep",
            )
        )
    return findings_table(found)


def _score(best: pd.Series) -> str:
    interval = "" if np.isnan(best["low"]) else f", 95 % interval {best['low']:.2%} – {best['high']:.2%}"
    return f"Validation accuracy {best['validation_accuracy']:.2%}{interval}; the test split was not read."


def _seeds_advice(best: pd.Series) -> str:
    return "A single training each: another seed may order the points otherwise." if best["runs"] < 2 else ""


def compression_findings(compression: pd.DataFrame) -> pd.DataFrame:
    """Give the findings of a compression: the smallest variant, and the smallest that loses nothing that is certain."""
    smallest = compression.nsmallest(1, "bytes").iloc[0]
    original = compression.iloc[0]
    found = [_variant("The smallest file", smallest)]
    as_good = compression[compression["high"] >= original["accuracy"]]
    safe = as_good.nsmallest(1, "bytes").iloc[0]
    if safe["variant"] != smallest["variant"]:
        found.append(_variant("The smallest whose interval holds the accuracy of the original", safe))
    return findings_table(found)


def _variant(what: str, row: pd.Series) -> Finding:
    return Finding(
        f"{what} is {row['variant']}: {row['ratio']:.0%} of the bytes, {row['difference']:+.2f} points of accuracy.",
        f"{int(row['bytes']):,} bytes; {row['accuracy']:.2%} of {int(row['samples']):,} {row['split']} samples, 95 % "
        f"interval {row['low']:.2%} – {row['high']:.2%}.",
        severity=NOTE,
        section="compression",
    )
