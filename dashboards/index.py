"""The index of a workspace: its pages, each known by the record that a page carries in its head."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from markupsafe import Markup

from dashboards.cover import cover
from dashboards.frame import script_words, security_policy
from dashboards.language import sentences
from dashboards.outline import Tables
from dashboards.templating import asset, script_json
from dashboards.templating import render as render_template
from dashboards.theme import css
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.records import read_record

HEAD = 1 << 17
"""Bytes at the beginning of a page in which its record lies."""

LONGEST = 400
"""Characters of a text in a record."""

_RECORD = re.compile(rb'<script type="application/json" id="record">(.*?)</script>', re.DOTALL)
_IMAGE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")


@dataclass(frozen=True, kw_only=True)
class PageRecord:
    """What an index says of a page.

    kind: what was done, as in Audit; empty for all that is known of a dataset, "index" for an index. title, subtitle:
    its heading. finding, severity: the first of its findings, empty for none. findings: how many there are. image: PNG
    as a data URI, empty for none.
    """

    kind: str = ""
    title: str = ""
    subtitle: str = ""
    finding: str = ""
    severity: str = ""
    findings: int = 0
    image: str = ""


INDEX = PageRecord(kind="index")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A page of an index. href: its address, relative to the index, percent-encoded. name: its file, for people."""

    record: PageRecord
    href: str
    name: str
    written: datetime


def record_of(tables: Tables, kind: str, title: str, subtitle: str) -> PageRecord:
    """Make the record of a page of tables, in the page's language."""
    findings = tables.get("findings")
    if findings is None or findings.empty:
        return PageRecord(kind=kind, title=_short(title), subtitle=_short(subtitle), image=cover(tables))
    said, first = sentences(findings), findings.iloc[0]
    return PageRecord(
        kind=kind,
        title=_short(title),
        subtitle=_short(subtitle),
        finding=_short(said(first["finding"])),
        severity=str(first["severity"]),
        findings=len(findings),
        image=cover(tables),
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def record_json(record: PageRecord) -> Markup:
    """Write a record for the head of a page."""
    return script_json(json.dumps(asdict(record)))


def read_page_record(head: bytes) -> PageRecord | None:
    """Read the record of a page; None for a file that is no page of ours. head: its first HEAD bytes.

    Whatever stands in it, its texts stay texts, and its image is a PNG or none.
    """
    match = _RECORD.search(head)
    if match is None:
        return None
    try:
        record = read_record(match[1], PageRecord, lambda found, expected: UnreadableInput("", found, expected, ""))
    except UnreadableInput:
        return None
    return record if not record.image or _IMAGE.fullmatch(record.image) else None


def render_index(title: str, entries: Sequence[Entry]) -> str:
    """Give the index as HTML. title: the workspace's name. entries: its pages, in the order in which they are shown."""
    scripts = {"theme_script": asset("theme.js"), "page_script": asset("page.js")}
    return str(
        render_template(
            "index.html",
            **scripts,
            policy=security_policy(scripts.values()),
            css=css(),
            record=record_json(INDEX),
            title=title,
            entries=entries,
            words=script_json(json.dumps(script_words())),
        )
    )
