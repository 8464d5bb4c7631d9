"""What every page and the index need besides their content: the policy, and the words of the script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from dashboards.language import mark, tr

PLOTLY_TEXTS = (mark("Download plot as a PNG"), mark("Preparing image - this may take a few seconds"))
"""What Plotly says of the one button that its charts have here."""


def script_words() -> dict[str, Any]:
    """Give the texts that the page's script writes, by the names that it has for them."""
    return {
        "light": tr("Light"),
        "dark": tr("Dark"),
        "toLight": tr("Switch to light colours"),
        "toDark": tr("Switch to dark colours"),
        "copied": tr("Copied"),
        "plotly": {text: tr(text) for text in PLOTLY_TEXTS},
    }


def security_policy(scripts: Iterable[Markup]) -> str:
    """Give the Content-Security-Policy: a second wall, should a text ever be escaped wrongly.

    Only the page's own scripts run, named by their hashes; nothing is fetched or sent. Plotly needs no eval.
    """
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; form-action 'none'; base-uri 'none'"
    )
