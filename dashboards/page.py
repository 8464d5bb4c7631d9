"""The page: a list of sections, rendered once into a single HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from dashboards.frame import script_words, security_policy
from dashboards.glossary import terms_of
from dashboards.index import record_json, record_of
from dashboards.language import say, tr
from dashboards.outline import SECTIONS, Section, Tables
from dashboards.templating import asset, packed_plotly, plotly_script, samples_script, script_json
from dashboards.templating import render as render_template
from dashboards.theme import css, template


def render(
    tables: Tables,
    title: str,
    subtitle: str,
    note: str | None,
    reproduction: Mapping[str, str],
    sections: Iterable[Section] = SECTIONS,
    bare: bool = False,
    kind: str = "",
    script: str = "",
    index: str = "",
) -> str:
    """Give a whole page as HTML.

    tables: by name, as the stages write them; sections whose tables are missing are left out. title: of the dataset.
    note: what a reader must know before all else, shown as a banner. reproduction: what it takes to make the
    page again, as names and values. sections: those that may be shown, in their order. bare: without title, navigation
    and the button for the theme, for a page that lies in another. kind: what was done, as in Audit, above the title.
    script: the shell commands that make the page again.
    index: the address of the index that lists the page, relative to it; empty for none.
    """
    shown = [section for section in sections if section.is_in(tables)]
    blocks = {section.key: section.blocks(tables) for section in shown}
    parts = [block for of_section in blocks.values() for block in of_section or ()]
    drawn, browsed = any(block.needs_plotly for block in parts), any(block.needs_samples for block in parts)
    scripts = {"theme_script": asset("theme.js"), "page_script": asset("page.js") + asset("thumbnails.js")}
    if drawn:
        scripts["plotly"] = plotly_script()
    if browsed:
        scripts["samples_script"] = samples_script()
    page = render_template(
        "page.html",
        **{"samples_script": "", **scripts, "plotly": packed_plotly() if drawn else ""},
        policy=security_policy(scripts.values()),
        css=css() + (asset("samples.css") if browsed else ""),
        bare=bare,
        title=title,
        kind=tr(kind),
        index=index,
        script=script,
        record=None if bare else record_json(record_of(tables, kind, title, subtitle)),
        subtitle=say(subtitle),
        note=tr(note) if note else None,
        contents=_contents(shown),
        sections=[
            render_template("section.html", section=section, blocks=blocks[section.key], terms=terms_of(section.key))
            for section in shown
        ],
        reproduction={say(name): value for name, value in reproduction.items()},
        words=script_json(json.dumps(script_words())),
        templates=script_json(json.dumps({name: template(name).to_plotly_json() for name in ("light", "dark")})),
    )
    return str(page)  # plain text from here on: a page within a page is escaped like any other text


def _contents(sections: Sequence[Section]) -> list[tuple[str, list[Section]]]:
    """Give the sections for the navigation, by group, in the order of the page."""
    return [(group, list(of_group)) for group, of_group in groupby(sections, key=lambda section: section.group)]
