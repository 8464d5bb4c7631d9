"""How numbers and names are written, everywhere the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

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


def duration(seconds: Any) -> str:
    """Write a time.

    >>> duration(4.26), duration(95), duration(7265)
    ('4.3 s', '1 min 35 s', '2 h 1 min')
    """
    if pd.isna(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


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
        return "yes" if value else "no"
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
    """Write the name of a column, check or transform as words.

    >>> spaced("near_duplicate")
    'near duplicate'
    """
    return str(name).replace("_", " ")


def axis_names(labels: Sequence[int], names: Mapping[int, str]) -> list[str]:
    """Give one category a class for an axis: its name, with the label added where two classes share a name.

    >>> axis_names([0, 1, 2], {0: "bag", 1: "bag"})
    ['bag (0)', 'bag (1)', '2']
    """
    shown = [plotly_text(names.get(label, label)) for label in labels]
    return [f"{name} ({label})" if shown.count(name) > 1 else name for label, name in zip(labels, shown, strict=True)]
