"""Pages in Chinese: the catalogues are complete, nothing else changes, and a wrong language is refused."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from dashboards.glossary import OF_SECTIONS, TERMS
from dashboards.language import ENGLISH, LANGUAGES, current_language, in_language, require_language, sentences, tr
from dashboards.notebook import page
from dashboards.outline import SECTIONS
from mnist_data.errors import WrongUse
from mnist_data.known.catalog import CATALOG
from mnist_data.parquet.messages import keep_messages, message, messages_of, plural_message
from mnist_data.parquet.tables import provenance, read_table, write_table
from pipelines.audit.findings import audit_findings
from pipelines.drift.gather import COMPARED
from pipelines.run.pages import Heading, write_page
from pipelines.settings.checks import CHECKS
from pipelines.settings.recipe import TRANSFORMS
from pipelines.settings.stages import CORRUPTIONS
from pipelines.stages.clean import REASONS
from pipelines.statistics.findings import Finding, findings_table
from pipelines.statistics.morphometrics import MEASURES
from tests import catalogues

TRANSLATED = [lang for lang in LANGUAGES if lang != ENGLISH]

HOW = "Write its translation into the .po file, and run `python -m tests.catalogues`."


@pytest.fixture(scope="module", autouse=True)
def babel() -> None:
    """Skip where the tools for catalogues are not installed, as from a wheel."""
    pytest.importorskip("babel")


def placeholders(text: str) -> Counter[str]:
    """Count what a translation must keep: fields of `str.format`, those of Plotly, and Plotly's tags."""
    return Counter(re.findall(r"%?\{[^{}]*\}|</?\w+>", text))


@pytest.mark.parametrize("lang", TRANSLATED)
def test_every_text_of_the_code_is_translated(lang: str) -> None:
    """Extracted from the code itself: what nobody translated is named, and so is what the code says no longer."""
    said = {text.id for text in catalogues.extracted() if text.id}
    translated = catalogues.texts_of(catalogues.read(lang))

    assert sorted(map(str, said - translated.keys())) == [], HOW
    assert sorted(map(str, translated.keys() - said)) == [], HOW


@pytest.mark.parametrize("lang", TRANSLATED)
def test_translations_have_the_placeholders_of_their_texts(lang: str) -> None:
    """A field that is missing would leave out a number, and one too many would break the page."""
    pairs = [
        (text, string)
        for texts, strings in catalogues.texts_of(catalogues.read(lang)).items()
        for text, string in ([(texts, strings)] if isinstance(texts, str) else [(texts[-1], each) for each in strings])
    ]

    assert [(text, string) for text, string in pairs if placeholders(text) != placeholders(string)] == []


@pytest.mark.parametrize("lang", TRANSLATED)
def test_what_the_package_reads_is_what_translators_wrote(lang: str) -> None:
    """The compiled catalogue and its source agree."""
    written = catalogues.read(lang)

    assert catalogues.texts_of(catalogues.read_compiled(lang)) == catalogues.texts_of(written), HOW
    assert catalogues.path_of(lang).read_text(encoding="utf-8") == catalogues.as_po(written), HOW


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_says_its_language(statistics: dict[str, pd.DataFrame], lang: str) -> None:
    """To the browser, which chooses fonts and voices by it; and the language ends with the page."""
    html = page({"summary": statistics["summary"]}, lang=lang).html

    assert f'<html lang="{lang}">' in html
    assert ("跳到正文" in html, "Skip to the content" in html) == (lang == "zh", lang == "en")
    assert current_language() == ENGLISH
    assert tr("Dark") == "Dark"


@pytest.mark.parametrize("lang", ["de", "", "ZH", "../zh"])
def test_an_unknown_language_is_refused_with_the_list(lang: str) -> None:
    """Before any work."""
    with pytest.raises(WrongUse, match="language .* en, zh"):
        require_language(lang)


def test_a_sentence_of_a_table_keeps_its_parts_in_the_file(tmp_path: Path) -> None:
    """The column holds the English text alone, and the parts come back with the table."""
    inner = plural_message("{number} sample", "{number} samples", 3)
    sentence = message("{what} of {split}: {part:.1%}", what=inner, split="{train}", part=0.25)
    table = keep_messages(pd.DataFrame({"finding": [str(sentence), "plain"]}), [sentence, "plain"])
    write_table(table, str(tmp_path / "findings"), provenance("test", {}, {}))

    back = read_table(str(tmp_path / "findings.parquet"))
    (restored,) = messages_of(back).values()

    assert back["finding"].tolist() == ["3 samples of {train}: 25.0%", "plain"]
    assert restored == sentence
    assert restored.parts == sentence.parts
    assert restored.parts.fields["what"].parts == inner.parts


DAMAGED = [
    "text",
    [None, 7, "x"],
    [{"text": "plain", "template": 7, "values": {}}],
    [{"text": "plain", "template": "Dark", "values": {"a": None}}],
    [{"text": "plain", "template": "Dark"}],
    [{"text": "plain", "template": "Dark{0.__class__}", "values": {"a": "b"}}],
    [{"text": "plain", "template": "Copied", "plural": "Dark", "number": "7", "values": {}}],
]


@pytest.mark.parametrize("stored", DAMAGED)
def test_damaged_parts_leave_the_sentence_as_it_is(stored: object) -> None:
    """Tables come from anywhere: a template of theirs is never filled in, only looked up."""
    table = pd.DataFrame({"finding": ["plain"]})
    table.attrs["messages"] = stored

    with in_language("zh"):
        assert sentences(table)("plain") == "plain"


def test_every_section_explains_its_terms() -> None:
    """Each term is used, each section that has terms exists, and only three need no words."""
    keys = {section.key for section in SECTIONS}
    used = {term for terms in OF_SECTIONS.values() for term in terms}

    assert keys - OF_SECTIONS.keys() <= {"findings", "samples", "first-samples", "set-aside"}
    assert OF_SECTIONS.keys() <= keys
    assert used == TERMS.keys()


def test_the_vocabulary_has_every_name_of_checks_transforms_and_corruptions(babel: None) -> None:
    """They come out of tables, so that no extractor sees them where they are shown."""
    named = [*CHECKS, *CORRUPTIONS, *TRANSFORMS, *REASONS, *COMPARED, *MEASURES]
    named += [name for transform in TRANSFORMS.values() for name in (*transform.amounts, *transform.places)]
    named += [transform.meaning for transform in TRANSFORMS.values()]
    known = {text.id for text in catalogues.extracted()}
    named += [dataset.note for dataset in CATALOG.values() if dataset.note]

    assert [name for name in named if name.replace("_", " ") not in known] == []


def test_tables_are_english_whatever_the_page_is(tmp_path: Path) -> None:
    """The same findings, to the byte of their file, are said in Chinese by the page alone."""
    checks = pd.DataFrame(
        [("blank", "train", 60, 1, "hardly any"), ("leaked", "test", 40, 4, "the same pixels")],
        columns=["check", "split", "samples", "flagged", "meaning"],
    )
    checks = checks.assign(fraction=checks["flagged"] / checks["samples"], threshold=0.5)
    order = pd.DataFrame({"evidence": ["", ""], "advice": ["", ""]})
    for lang in LANGUAGES:
        with in_language(lang):
            findings = audit_findings(checks, order, "my digits")
            write_table(findings, str(tmp_path / lang), provenance("audit", {}, {}))
            html = page({"findings": findings}, lang=lang).html
        said = [text in html for text in ("1 of 60 samples is blank.", "60 个样本中有 1 个是空白的。")]
        assert said == [lang == "en", lang == "zh"]
        assert "mnist-data clean &#39;my digits&#39; OUT" in html

    for ending in ("parquet", "csv"):
        assert (tmp_path / f"en.{ending}").read_bytes() == (tmp_path / f"zh.{ending}").read_bytes()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_commands_of_a_page_make_it_in_its_language(tmp_path: Path, lang: str) -> None:
    """As they stand there, to be copied into a shell; names of files that hold the flag are left alone."""
    tables = {"findings": findings_table([Finding("Nothing.")])}
    script = "mnist-data convert x 'my --plot.csv'\nmnist-data stats x --plot"
    path = write_page(tables, Heading(title="Digits"), tmp_path / "page.html", {}, script=script, lang=lang)

    html = Path(path).read_text(encoding="utf-8")

    assert ("mnist-data stats x --plot --lang zh" in html) == (lang == "zh")
    assert "my --plot.csv&#39;\nmnist-data stats x --plot" in html
