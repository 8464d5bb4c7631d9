"""The verdict: in plain words, which two sides were compared, whether they differ, in what, and how far."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mnist_data.parquet.messages import joined, keep_messages, mark, message, messages_of, plural_message
from pipelines.drift.gather import Choice
from pipelines.statistics.findings import NOTE, WARNING, Finding, findings_table

NAMES = {
    "label": mark("the frequencies of the classes"),
    "intensity": mark("the intensity of the pixels"),
    "ink": mark("the amount of ink"),
}
"""Feature -> what to call it in a sentence, where its name would not do."""


def verdict_table(table: pd.DataFrame, choices: tuple[Choice, Choice], sizes: tuple[int, int]) -> pd.DataFrame:
    """Give the verdict as a row. table: all columns of `drift`. sizes: the samples of each side.

    Columns: verdict; significant, and the least p_adjusted; a, b, a_samples, b_samples; features, and how many of these
    differ (significant_features). All but the verdict are of all classes together.
    """
    whole = table[table["class"] == "all"]
    features = whole.loc[whole["measure"] != "auc", "feature"]
    differing = whole.loc[(whole["measure"] != "auc") & whole["significant"], "feature"]
    names = [_name(*named) for named in zip(choices, _called(choices), strict=True)]
    row: dict[str, Any] = {
        "verdict": _sentences(table, _both(choices), sizes),
        "significant": bool(whole["significant"].any()),
        "p_adjusted": float(whole["p_adjusted"].min()),
        "a": names[0],
        "b": names[1],
        "a_samples": sizes[0],
        "b_samples": sizes[1],
        "features": features.nunique(),
        "significant_features": differing.nunique(),
    }
    return keep_messages(pd.DataFrame([row]), [row["verdict"], *names])


def drift_findings(verdict: pd.DataFrame) -> pd.DataFrame:
    """Give the verdict as the findings of a page. verdict: as `verdict_table` gives it."""
    row = verdict.iloc[0]
    chance = message(
        "The least adjusted p is {p:.4f}; of equal sides, 5 in 100 have one below 0.05.", p=row["p_adjusted"]
    )
    severity = WARNING if row["significant"] else NOTE
    said = messages_of(verdict).get(row["verdict"], str(row["verdict"]))
    return findings_table([Finding(said, chance, severity=severity, section="drift")])


def _name(choice: Choice, dataset: str) -> str:
    """Name a side. dataset: what its dataset is called."""
    if choice.name != choice.dataset.location:
        return message("{part} of {dataset}", part=choice.name, dataset=dataset)
    whole = set(choice.splits) == set(choice.dataset.splits)
    return dataset if whole else message("{part} of {dataset}", part=joined(choice.splits), dataset=dataset)


def _called(choices: tuple[Choice, Choice]) -> list[str]:
    """Give what each dataset is called: its last folder, or where it lies if that of another has the same name."""
    places = [choice.dataset.location for choice in choices]
    names = [place.rstrip("/").rpartition("/")[2] for place in places]
    return places if names[0] == names[1] and places[0] != places[1] else names


def _both(choices: tuple[Choice, Choice]) -> str:
    """Name both sides, and their dataset only once where they are two splits or classes of one."""
    first, second = choices
    names = _called(choices)
    if first.dataset.location == second.dataset.location not in (first.name, second.name):
        both = message("{first} and {second}", first=first.name, second=second.name)
        return message("{part} of {dataset}", part=both, dataset=names[0])
    return message("{first} and {second}", first=_name(first, names[0]), second=_name(second, names[1]))


def _sentences(table: pd.DataFrame, both: str, sizes: tuple[int, int]) -> str:
    whole = table[table["class"] == "all"]
    if whole["significant"].any():
        said = _difference(whole, both)
    else:
        said = message(
            "No difference between {both} was found: of {first:,} and {second:,} samples, no feature differs, and no "
            "classifier distinguishes them, by more than chance explains.",
            both=both,
            first=sizes[0],
            second=sizes[1],
        )
    within = _within_classes(table[table["class"] != "all"])
    return message("{sentence} {next}", sentence=said, next=within) if within else said


def _difference(whole: pd.DataFrame, both: str) -> str:
    distances = whole[whole["measure"] != "auc"]
    features, differing = distances["feature"].nunique(), distances[distances["significant"]]
    parts = []
    if len(differing):
        parts.append(
            plural_message(
                "{number} of {features} features does, {most}",
                "{number} of {features} features do, {most}",
                differing["feature"].nunique(),
                features=features,
                most=_farthest(distances, differing),
            )
        )
    classifiers = whole[(whole["measure"] == "auc") & whole["significant"]]
    if len(classifiers):
        best = classifiers.nlargest(1, "value").iloc[0]
        parts.append(
            message(
                "shown one sample of each, a classifier says which is which in {auc:.1%} of cases (guessing: 50%; "
                "MNIST's training and test samples: {reference:.1%})",
                auc=best["value"],
                reference=best["reference"],
            )
        )
    return message("{both} differ: {parts}.", both=both, parts=joined(parts, "; "))


def _farthest(distances: pd.DataFrame, differing: pd.DataFrame) -> str:
    """Name the feature that differs most, and by how much: by Wasserstein distance, of classes by L-infinity."""
    ordered = distances[distances["measure"] == "wasserstein"]
    ordered = ordered[ordered["feature"].isin(differing["feature"])]
    if ordered.empty:
        return message(NAMES["label"])
    farthest = ordered.nlargest(1, "value").iloc[0]
    return message(
        "most of all {feature} (by {distance:.2f} standard deviations)",
        feature=in_words(str(farthest["feature"])),
        distance=farthest["value"],
    )


def in_words(feature: str) -> str:
    """Give what a feature is called in a sentence.

    >>> in_words("centre_row"), in_words("ink")
    ('centre row', 'the amount of ink')
    """
    return message(NAMES.get(feature, feature.replace("_", " ")))


def _within_classes(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    differing = rows[rows["significant"]]["class"].unique().tolist()
    compared = rows["class"].nunique()
    if not differing:
        return message("Within none of the {compared} classes compared was a difference found.", compared=compared)
    return message(
        "Within {differing} of the {compared} classes compared they differ: {classes}.",
        differing=len(differing),
        compared=compared,
        classes=joined(differing),
    )
