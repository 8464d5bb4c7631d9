"""The verdict: in plain words, which two sides were compared, whether they differ, in what, and how far."""

from __future__ import annotations

import pandas as pd

from pipelines.drift.gather import Choice
from pipelines.statistics.findings import NOTE, WARNING, Finding, findings_table

NAMES = {
    "label": "the frequencies of the classes",
    "intensity": "the intensity of the pixels",
    "ink": "the amount of ink",
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
    names = [_name(choice) for choice in choices]
    row = {
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
    return pd.DataFrame([row])


def drift_findings(verdict: pd.DataFrame) -> pd.DataFrame:
    """Give the verdict as the findings of a page. verdict: as `verdict_table` gives it."""
    row = verdict.iloc[0]
    chance = f"The least adjusted p is {row['p_adjusted']:.4f}; of equal sides, 5 in 100 have one below 0.05."
    severity = WARNING if row["significant"] else NOTE
    return findings_table([Finding(str(row["verdict"]), chance, severity=severity, section="drift")])


def _name(choice: Choice) -> str:
    location = choice.dataset.location
    if choice.name != location:
        return f"{choice.name} of {location}"
    whole = set(choice.splits) == set(choice.dataset.splits)
    return location if whole else f"{', '.join(choice.splits)} of {location}"


def _both(choices: tuple[Choice, Choice]) -> str:
    """Name both sides, and their dataset only once where they are two splits or classes of one."""
    first, second = choices
    if first.dataset.location == second.dataset.location not in (first.name, second.name):
        return f"{first.name} and {second.name} of {first.dataset.location}"
    return f"{_name(first)} and {_name(second)}"


def _sentences(table: pd.DataFrame, both: str, sizes: tuple[int, int]) -> str:
    whole = table[table["class"] == "all"]
    if whole["significant"].any():
        said = _difference(whole, both)
    else:
        said = (
            f"No difference between {both} was found: of {sizes[0]:,} and {sizes[1]:,} samples, no "
            f"feature differs, and no classifier distinguishes them, by more than chance explains."
        )
    return said + _within_classes(table[table["class"] != "all"])


def _difference(whole: pd.DataFrame, both: str) -> str:
    distances = whole[whole["measure"] != "auc"]
    features, differing = distances["feature"].nunique(), distances[distances["significant"]]
    parts = []
    if len(differing):
        count = differing["feature"].nunique()
        does = "does" if count == 1 else "do"
        parts.append(f"{count} of {features} features {does}, {_farthest(distances, differing)}")
    classifiers = whole[(whole["measure"] == "auc") & whole["significant"]]
    if len(classifiers):
        best = classifiers.nlargest(1, "value").iloc[0]
        parts.append(
            f"shown one sample of each, a classifier says which is which in {best['value']:.1%} of cases (guessing: "
            f"50%; MNIST's training and test samples: {best['reference']:.1%})"
        )
    return f"{both} differ: {'; '.join(parts)}."


def _farthest(distances: pd.DataFrame, differing: pd.DataFrame) -> str:
    """Name the feature that differs most, and by how much: by Wasserstein distance, of classes by L-infinity."""
    ordered = distances[distances["measure"] == "wasserstein"]
    ordered = ordered[ordered["feature"].isin(differing["feature"])]
    if ordered.empty:
        return "the frequencies of the classes"
    farthest = ordered.nlargest(1, "value").iloc[0]
    return f"most of all {in_words(str(farthest['feature']))} (by {farthest['value']:.2f} standard deviations)"


def in_words(feature: str) -> str:
    """Give what a feature is called in a sentence.

    >>> in_words("centre_row"), in_words("ink")
    ('centre row', 'the amount of ink')
    """
    return NAMES.get(feature, feature.replace("_", " "))


def _within_classes(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    differing = rows[rows["significant"]]["class"].unique().tolist()
    compared = rows["class"].nunique()
    if not differing:
        return f" Within none of the {compared} classes compared was a difference found."
    return f" Within {len(differing)} of the {compared} classes compared they differ: {', '.join(differing)}."
