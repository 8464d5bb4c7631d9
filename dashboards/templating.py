"""Templates: Jinja2 with autoescape, so that a text out of a file stays a text wherever it is written.

Nothing else in this package makes markup: a string is escaped unless it comes from here.
"""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dashboards.language import current_language, tr

if TYPE_CHECKING:
    import plotly.graph_objects as go


SAMPLES = ("store", "draw", "filters", "grid", "map", "detail", "picks", "start")
"""The parts of the script that draws samples, in `assets/samples`; the last begins."""


@cache
def environment() -> Environment:
    """Give the templates of this package; a name that is not given to a template is an error and no empty text.

    `tr` in a template gives a text in the page's language, `lang()` that language.
    """
    templates = Environment(
        loader=PackageLoader("dashboards"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.globals.update(tr=tr, lang=current_language)
    return templates


def render(template: str, **values: Any) -> Markup:
    """Fill in a template of `dashboards/templates`; `values` are escaped unless they are rendered templates."""
    return Markup(environment().get_template(template).render(values))  # noqa: S704 - every value was escaped


def asset(name: str) -> Markup:
    """Read a style sheet or script of `dashboards/assets`."""
    return Markup(files("dashboards").joinpath("assets", name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


def samples_script() -> Markup:
    """Give the script that draws samples: its parts, one after the other."""
    return Markup("\n").join(asset(f"samples/{part}.js") for part in SAMPLES)


def packed(script: Markup) -> str:
    """Give a script as gzip in base64, as the page holds it until it is needed; the same each time."""
    return base64.b64encode(gzip.compress(script.encode(), compresslevel=9, mtime=0)).decode("ascii")


@cache
def packed_plotly() -> str:
    """Give plotly.js packed, 1.9 MB."""
    return packed(plotly_script())


@cache
def plotly_script() -> Markup:
    """Give the source of plotly.js, 4.8 MB."""
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())  # noqa: S704 - Plotly's own file


def figure_json(figure: go.Figure) -> Markup:
    """Write a figure's data and layout as JSON, without its template and height, which the page knows."""
    import plotly.graph_objects as go
    import plotly.io as pio

    bare = go.Figure(figure)
    bare.layout.template = None
    bare.layout.height = None
    return script_json(pio.to_json(bare, validate=False))


def script_json(text: str) -> Markup:
    r"""Make JSON safe inside a script element, which ends at the first `</script>` wherever that stands.

    >>> print(script_json('{"name": "</script>"}'))
    {"name": "\u003c/script\u003e"}
    """
    for character in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        text = text.replace(character, f"\\u{ord(character):04x}")
    json.loads(text)  # what is not JSON must fail here, not in a browser
    return Markup(text)  # noqa: S704 - no character is left that could end the element
