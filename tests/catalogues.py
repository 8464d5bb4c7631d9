"""The catalogues of the pages' languages: what the code says, and what they make of it.

`python -m tests.catalogues` (or `make messages`) enters the texts of the code into each catalogue, drops those that the
code says no longer, and compiles it. New texts have no translation until somebody writes it into the .po file; then run
it again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

SOURCES = ("dashboards", "pipelines", "mnist_data")
"""Where texts of pages come from: templates and Python, in which `tr`, `mark` and the like say that it is one."""

KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "tr": None,
    "mark": None,
    "message": None,
    "trn": (1, 2),
    "plural_message": (1, 2),
}
"""Functions whose first argument is a text of a page; of some, the second is its plural."""


def extracted() -> Any:
    """Give all texts of the code as a catalogue without translations."""
    from babel.messages.catalog import Catalog

    catalog = Catalog()
    for message in _messages():
        catalog.add(message)
    return catalog


def _messages() -> Iterator[str | tuple[str, ...]]:
    from babel.messages.extract import extract

    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*")):
            method = {".py": "python", ".html": "jinja2.ext:babel_extract"}.get(path.suffix)
            if method is not None:
                with path.open("rb") as file:
                    # Templates are read with the settings of `dashboards.templating`.
                    options = {"trimmed": "true", "silent": "false"} if path.suffix == ".html" else {}
                    for _, message, _, _ in extract(method, file, KEYWORDS, options=options):
                        yield message


def path_of(lang: str, ending: str = "po") -> Path:
    """Give the file of a catalogue."""
    from dashboards.language import DOMAIN

    return ROOT / "dashboards/locale" / lang / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def read(lang: str) -> Any:
    """Read the catalogue of a language; a new one is empty."""
    from babel.messages.pofile import read_po

    path = path_of(lang)
    if not path.exists():
        return read_po(io.StringIO(""), locale=lang)
    with path.open(encoding="utf-8") as file:
        return read_po(file, locale=lang)


def as_po(catalog: Any) -> str:
    """Write a catalogue as text: sorted, and without lines of the source, so that changes merge."""
    from babel.messages.pofile import write_po

    for entry in catalog:
        entry.flags.clear()  # guesses: a text may hold "%" and is no format of Python's
    written = io.BytesIO()
    write_po(written, catalog, width=0, sort_output=True, no_location=True, omit_header=True, ignore_obsolete=True)
    plural = f"nplurals={catalog.num_plurals}; plural={catalog.plural_expr};"
    fields = {
        "Language": str(catalog.locale),
        "Content-Type": "text/plain; charset=utf-8",
        "Plural-Forms": plural,
    }
    head = "".join(f'"{name}: {value}\\n"\n' for name, value in fields.items())
    return f'msgid ""\nmsgstr ""\n{head}\n{written.getvalue().decode()}'


def as_mo(catalog: Any) -> bytes:
    """Compile a catalogue."""
    from babel.messages.mofile import write_mo

    written = io.BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


def read_compiled(lang: str) -> Any:
    """Read what the package reads; empty where it is not there."""
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import read_mo

    path = path_of(lang, "mo")
    return read_mo(io.BytesIO(path.read_bytes())) if path.exists() else Catalog()


def texts_of(catalog: Any) -> dict[Any, Any]:
    """Give the translations of a catalogue by their texts, without its head and without empty ones."""
    return {
        _plain(message.id): _plain(message.string) for message in catalog if message.id and _is_whole(message.string)
    }


def _plain(texts: Any) -> Any:
    """Give one text as it is, and its singular and plural as a tuple, which catalogues have as lists, too."""
    return texts if isinstance(texts, str) else tuple(texts)


def update(lang: str) -> Any:
    """Bring a catalogue up to date with the code, and compile it; give it."""
    catalog = read(lang)
    catalog.update(extracted(), no_fuzzy_matching=True)
    path_of(lang).write_text(as_po(catalog), encoding="utf-8")
    if texts_of(read(lang)) != texts_of(read_compiled(lang)):
        path_of(lang, "mo").write_bytes(as_mo(read(lang)))
    return catalog


def untranslated(catalog: Any) -> list[str]:
    """List the texts that a catalogue has no translation of."""
    return [str(message.id) for message in catalog if message.id and not _is_whole(message.string)]


def _is_whole(string: Any) -> bool:
    return all(string) and bool(string) if isinstance(string, (tuple, list)) else bool(string)


def main() -> None:
    """Update every catalogue, and print what is to be translated."""
    from dashboards.language import ENGLISH, LANGUAGES

    for lang in LANGUAGES:
        if lang != ENGLISH:
            missing = untranslated(update(lang))
            print(f"{lang}: {len(missing)} texts are not translated", *missing, sep="\n  ")


if __name__ == "__main__":
    main()
