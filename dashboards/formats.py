"""How numbers and names are written, everywhere the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboards.language import tr

LONGEST_NAME = 24
"""Characters of a class name that an axis shows; longer ones are cut, or they would push the chart away."""

MISSING = "–"
"""Written where there is no value."""


def count(value: Any) -> str:
    """Write a whole number.

    >>> count(70000)
    '70,000'
    """
    return MISSING if pd.isna(value) else f"{int(value):,}"


def percent(fraction: Any, digits: int = 1) -> str:
    r"""Write a fraction, 0 to 1, in percent; the space does not break.

    >>> percent(0.9912, 2)
    '99.12\xa0%'
    """
    return MISSING if pd.isna(fraction) else f"{100 * fraction:.{digits}f}\N{NO-BREAK SPACE}%"


def interval(low: Any, high: Any, digits: int = 2) -> str:
    r"""Write an interval of two fractions in percent.

    >>> interval(0.9888, 0.9923)
    '98.88\xa0% to 99.23\xa0%'
    """
    return tr("{low} to {high}", low=percent(low, digits), high=percent(high, digits))


def duration(seconds: Any) -> str:
    """Write a time.

    >>> duration(4.26), duration(95), duration(7265)
    ('4.3 s', '1 min 35 s', '2 h 1 min')
    """
    if pd.isna(seconds):
        return MISSING
    if seconds < 60:
        return tr("{seconds:.1f} s", seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return tr("{minutes} min {seconds} s", minutes=minutes, seconds=rest)
    return tr("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)


def number(value: Any) -> str:
    """Write a measured number with the digits that matter.

    >>> number(0.130660), number(1234.5), number(2.0)
    ('0.1307', '1,234', '2')
    """
    if pd.isna(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def cell(value: Any) -> str:
    """Write any value of a table, unescaped."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    return number(value) if pd.isna(value) or isinstance(value, int | float) or hasattr(value, "dtype") else str(value)


PLOTLY_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def plotly_text(text: object) -> str:
    """Make a text safe for Plotly, which reads tags such as <b> and <a> in labels; long ones are cut.

    >>> plotly_text("<b>7</b>")
    '&lt;b&gt;7&lt;/b&gt;'
    """
    words = str(text)
    return (words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1] + "…").translate(PLOTLY_ENTITIES)


def spaced(name: object) -> str:
    """Write the name of a column, check or transform as words, in the page's language where the vocabulary has it.

    >>> spaced("near_duplicate")
    'near duplicate'
    """
    return tr(str(name).replace("_", " "))


def capitalized(text: str) -> str:
    """Begin a text with a capital letter, and leave its other letters as they are.

    >>> capitalized("mean of NaN")
    'Mean of NaN'
    """
    return text[:1].upper() + text[1:]


def axis_names(labels: Sequence[int], names: Mapping[int, str]) -> list[str]:
    """Give one category a class for an axis: its name, with the label added where two classes share a name.

    >>> axis_names([0, 1, 2], {0: "bag", 1: "bag"})
    ['bag (0)', 'bag (1)', '2']
    """
    shown = [plotly_text(names.get(label, label)) for label in labels]
    return [f"{name} ({label})" if shown.count(name) > 1 else name for label, name in zip(labels, shown, strict=True)]
