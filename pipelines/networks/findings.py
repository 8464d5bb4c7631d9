"""What predictions, comparisons, explanations, sweeps and compressions say in sentences, as a page begins with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mnist_data.parquet.messages import few, joined, message, plural_message
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
        listed = joined([f"{name} ({count:,})" for name, count in counts.head(3).items()])
        yield Finding(
            message("{images:,} images are predicted; most often {classes}.", images=len(table), classes=listed),
            message("No image has a label that the model knows, so nothing says how many predictions are correct."),
            severity=NOTE,
            section="predictions",
        )
        return
    wrong = table[table["correct"].fillna(True).astype(bool).eq(False)]
    pairs = (wrong["label_name"].astype(str) + " → " + wrong["name"].astype(str)).value_counts(sort=False).nlargest(1)
    of = {"known": len(known), "most": int(pairs.iloc[0]) if len(pairs) else 0, "pair": "".join(pairs.index)}
    if wrong.empty:
        words = message("None of {known:,} predictions with a known label are wrong.", known=len(known))
    else:
        words = plural_message(
            "{number:,} of {known:,} predictions with a known label is wrong, {most:,} of them {pair}.",
            "{number:,} of {known:,} predictions with a known label are wrong, {most:,} of them {pair}.",
            len(wrong),
            **of,
        )
    yield Finding(
        words,
        message("Accuracy {accuracy:.2%}.", accuracy=known.mean()),
        severity=NOTE,
        section="predictions",
    )


def _rejected(predicted: Predictions) -> Iterator[Finding]:
    rejected, images = predicted.none_of_the_classes, len(predicted.table)
    if not rejected:
        return
    many = rejected / max(1, images) >= MANY_REJECTED
    advice = message("Look at them; they may be of another class, cut off, or upside down.")
    if many:
        advice = message(
            "Look whether these images are of the kind that the model was trained on: size, dark background, one sign "
            "each."
        )
    yield Finding(
        plural_message(
            "{number:,} of {images:,} images is probably of none of the classes.",
            "{number:,} of {images:,} images are probably of none of the classes.",
            rejected,
            images=images,
        ),
        message(
            "That is {fraction:.1%}; their score is beyond that of the training data.",
            fraction=rejected / max(1, images),
        ),
        advice,
        PROBLEM if many else WARNING,
        "predictions",
    )


def _seen(table: pd.DataFrame) -> Iterator[Finding]:
    seen = table["in_training_data"]
    number = int(seen.fillna(False).astype(bool).sum())
    if number:
        yield Finding(
            message(
                "{count:,} of {images:,} images have the pixels of a training sample.", count=number, images=len(table)
            ),
            message("On these the model may remember instead of recognise."),
            message("Judge it by the accuracy without them."),
            WARNING,
            "predictions",
        )


def _unsure(table: pd.DataFrame) -> Iterator[Finding]:
    number = int((table["probability"] < UNSURE).sum())
    if number:
        yield Finding(
            plural_message(
                "{number:,} of {images:,} predictions has a confidence below 50 %.",
                "{number:,} of {images:,} predictions have a confidence below 50 %.",
                number,
                images=len(table),
            ),
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
    evidence = message(
        "Accuracy of A {a:.2%}, of B {b:.2%}; B minus A {points:+.2f} points, 95 % interval {low:.2f} … {high:.2f}.",
        a=row["accuracy_a"],
        b=row["accuracy_b"],
        points=points,
        low=low,
        high=high,
    )
    more = message("More test samples, or more seeds of each, would show a smaller difference.")
    advice = "" if significant else more
    found = [Finding(verdict, evidence, advice, WARNING if significant and points < 0 else NOTE, "comparison")]
    apart = int(row["only_a"] + row["only_b"])
    found.append(
        Finding(
            message(
                "{a:,} samples only A predicts correctly, {b:,} only B.", a=int(row["only_a"]), b=int(row["only_b"])
            ),
            message(
                "These {apart:,} of {samples:,} decide; both are correct on {both:,}, neither on {neither:,}.",
                apart=apart,
                samples=int(row["samples"]),
                both=int(row["both"]),
                neither=int(row["neither"]),
            ),
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
    words = message(
        "{samples:,} samples are explained, {wrong:,} of them errors.", samples=len(samples), wrong=len(wrong)
    )
    if pairs:
        words = message(
            "{samples:,} samples are explained, {wrong:,} of them errors: {pairs}.",
            samples=len(samples),
            wrong=len(wrong),
            pairs=few(pairs, 3),
        )
    found = [Finding(words, "", "", NOTE, "explained")]
    strongest = explanations.groupby(["id", "target"], sort=False)["occlusion"].max()
    steady = strongest[strongest < STEADY]
    if len(steady):
        ids = list(dict.fromkeys(str(sample) for sample, _ in steady.index))
        found.append(
            Finding(
                message(
                    "No single part of the image decides {count:,} of these predictions: samples {ids}.",
                    count=len(ids),
                    ids=few(ids),
                ),
                message("Whatever patch is covered, the probability falls by less than {fall:.0%}.", fall=STEADY),
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
                message("{diverged:,} of {points:,} points diverged.", diverged=diverged, points=len(sweep)),
                message("Their loss became infinite or NaN, so they have no score."),
                message("Take a lower learning rate there."),
                WARNING,
                "sweep",
            )
        )
    if not np.isnan(best["validation_accuracy"]):
        settings = joined([f"{name} {best[name]}" for name in varied]) if varied else message("its only point")
        found.append(
            Finding(message("Best: {settings}.", settings=settings), _score(best), _seeds_advice(best), NOTE, "sweep")
        )
    if varied:
        reach = effects.groupby("setting", sort=False)["below_best"].max().sort_values(ascending=False)
        name, points = str(reach.index[0]), 100 * float(reach.iloc[0])
        values = list(effects.loc[effects["setting"] == name, "value"])
        found.append(
            Finding(
                message(
                    "{setting} matters most: {best} is {points:.2f} points better than {worst}.",
                    setting=name,
                    best=values[0],
                    points=points,
                    worst=values[-1],
                ),
                message("Mean validation accuracy over all other settings."),
                severity=NOTE,
                section="sweep",
            )
        )
    return findings_table(found)


def _score(best: pd.Series) -> str:
    if np.isnan(best["low"]):
        return message(
            "Validation accuracy {accuracy:.2%}; the test split was not read.", accuracy=best["validation_accuracy"]
        )
    return message(
        "Validation accuracy {accuracy:.2%}, 95 % interval {low:.2%} – {high:.2%}; the test split was not read.",
        accuracy=best["validation_accuracy"],
        low=best["low"],
        high=best["high"],
    )


def _seeds_advice(best: pd.Series) -> str:
    single = message("A single training each: another seed may order the points otherwise.")
    return single if best["runs"] < 2 else ""


def compression_findings(compression: pd.DataFrame) -> pd.DataFrame:
    """Give the findings of a compression: the smallest variant, and the smallest that loses nothing that is certain."""
    smallest = compression.nsmallest(1, "bytes").iloc[0]
    original = compression.iloc[0]
    found = [_variant(message("The smallest file"), smallest)]
    as_good = compression[compression["high"] >= original["accuracy"]]
    safe = as_good.nsmallest(1, "bytes").iloc[0]
    if safe["variant"] != smallest["variant"]:
        what = message("The smallest whose interval holds the accuracy of the original")
        found.append(_variant(what, safe))
    return findings_table(found)


def _variant(what: str, row: pd.Series) -> Finding:
    return Finding(
        message(
            "{what} is {variant}: {ratio:.0%} of the bytes, {difference:+.2f} points of accuracy.",
            what=what,
            variant=row["variant"],
            ratio=row["ratio"],
            difference=row["difference"],
        ),
        message(
            "{bytes:,} bytes; {accuracy:.2%} of {samples:,} {split} samples, 95 % interval {low:.2%} – {high:.2%}.",
            bytes=int(row["bytes"]),
            accuracy=row["accuracy"],
            samples=int(row["samples"]),
            split=row["split"],
            low=row["low"],
            high=row["high"],
        ),
        severity=NOTE,
        section="compression",
    )
