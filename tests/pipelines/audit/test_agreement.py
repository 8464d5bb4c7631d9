"""Two people's decisions are compared, and go to a spreadsheet and back without a change."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import mnist_data
from mnist_data.errors import OutputExists, UnreadableInput, WrongUse
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import decisions_file, read_decisions
from mnist_data.parquet.decisions_table import Decision
from pipelines.audit.agreement import compare_people

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def looked_at(digits: Dataset) -> Iterator[Dataset]:
    """Give the sample after two people have looked at it; other tests find it without decisions."""
    mnist_data.decide(digits, [0, 1, 2, 3], "keep", who="Ana", check="label_error")
    mnist_data.decide(digits, [4, 5], "remove", who="Ana", note='=HYPERLINK("x");\n2nd line, "quoted"')
    mnist_data.decide(digits, [0, 1], "keep", who="Bo")
    mnist_data.decide(digits, 2, "relabel", label=7, who="Bo", check="label_error", note="線 is a 7")
    mnist_data.decide(digits, [4, 9], "remove", who="Bo")
    yield digits
    Path(decisions_file(digits)).unlink()


def by_hand(ours: list[str], theirs: list[str]) -> float:
    """Cohen's kappa as he defines it: the observed agreement beyond the one expected of independent answers."""
    observed = np.mean([one == other for one, other in zip(ours, theirs, strict=True)])
    expected = sum(ours.count(answer) * theirs.count(answer) for answer in {*ours, *theirs}) / len(ours) ** 2
    return float((observed - expected) / (1 - expected))


def test_the_agreement_of_two_people_is_cohens(looked_at: Dataset) -> None:
    """Of the four samples that both looked at they agree on three; the fourth is listed with both answers."""
    result = mnist_data.decisions(looked_at, compare=("Ana", "Bo"))

    everything = result["agreement"].set_index("check").loc["all"]
    assert everything[["samples", "agreed", "agreement"]].tolist() == [4, 3, 0.75]
    kappa = by_hand(["keep", "keep", "keep", "remove"], ["keep", "keep", "relabel to 7", "remove"])
    assert everything["kappa"] == pytest.approx(kappa)
    assert 0 < everything["low"] < 0.75 < everything["high"] < 1
    assert result["differences"].to_numpy().tolist() == [
        [2, 2, "label_error", "keep", "", "relabel to 7", "線 is a 7"],
    ]


def test_two_new_labels_are_two_answers_and_one_answer_has_no_kappa() -> None:
    """Where both always say the same one thing, chance explains all of it."""

    def says(sample: int, who: str, label: int | None) -> Decision:
        return Decision(id=sample, decision="relabel" if label else "keep", label=label, who=who, given=0)

    differ, _ = compare_people([says(1, "A", 3), says(1, "B", 4), says(2, "A", 3), says(2, "B", 3)], "A", "B")
    alike, _ = compare_people([says(1, "A", None), says(1, "B", None)], "A", "B")

    assert differ["agreed"].tolist() == [1]
    assert alike["agreement"].tolist() == [1.0]
    assert alike["kappa"].isna().all()


def test_the_counts_are_each_persons_last_decisions(looked_at: Dataset) -> None:
    """An earlier decision about the same sample counts no more; of a sample the last of all counts."""
    mnist_data.decide(looked_at, 5, "keep", who="Ana")

    result = mnist_data.decisions(looked_at)

    counts = result["counts"].set_index(["who", "check", "decision"])["samples"].to_dict()
    assert counts == {
        ("Ana", "", "keep"): 1,
        ("Ana", "", "remove"): 1,
        ("Ana", "label_error", "keep"): 4,
        ("Bo", "", "keep"): 2,
        ("Bo", "", "remove"): 2,
        ("Bo", "label_error", "relabel"): 1,
    }
    assert result.findings["people"] == ["Ana", "Bo"]
    assert result["decisions"].set_index("id").loc[2, ["decision", "who", "state"]].tolist() == [
        "relabel",
        "Bo",
        "valid",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_gives_back_what_it_got_and_what_was_changed_in_it(
    looked_at: Dataset, tmp_path: Path, delimiter: str
) -> None:
    """Read back unchanged nothing is recorded; a changed row is a new decision of its person, and the old one stays."""
    before = read_decisions(looked_at)
    out, changed = tmp_path / "out.csv", tmp_path / "changed.csv"
    mnist_data.decisions(looked_at, csv=out)
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))

    assert mnist_data.decisions(looked_at, import_=out).findings["imported"] == 0
    assert read_decisions(looked_at) == before
    assert rows[4]["note"].startswith("'=HYPERLINK")

    rows[4] |= {"decision": "relabel", "label": "3.0"}
    rows[0]["decision"] = " "
    with changed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    for imported in (1, 0):
        assert mnist_data.decisions(looked_at, import_=changed).findings["imported"] == imported

    history = read_decisions(looked_at)
    assert history[:-1] == before
    last = history[-1]
    assert (last.id, last.decision, last.label, last.who, last.note) == (4, "relabel", 3, "Ana", before[4].note)
    assert last.image == before[4].image
    assert last.when > before[-1].when  # type: ignore[operator]


def test_a_third_person_decides_where_two_differ(looked_at: Dataset, tmp_path: Path, command_line: Cli) -> None:
    """The differences have columns to fill in; who did is said as they are read."""
    code, out, _ = command_line(
        "decisions", looked_at.location, "--compare", "Ana", "Bo", "--csv", tmp_path / "both.csv"
    )
    assert code == 0
    assert "Cohen's kappa" in out
    text = (tmp_path / "both.csv").read_text("utf-8-sig")
    (tmp_path / "both.csv").write_text(
        text.replace('"線 is a 7","","",""', '"線 is a 7","unsure","","ask Ann"'), "utf-8"
    )

    code, out, _ = command_line(
        "decisions", looked_at.location, "--import", tmp_path / "both.csv", "--who", "<Carla>", "--json"
    )

    assert code == 0
    assert '"imported": 1' in out
    last = read_decisions(looked_at)[-1]
    assert (last.id, last.decision, last.who, last.note) == (2, "unsure", "<Carla>", "ask Ann")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no such file"),
        ("", "mine.csv: Empty CSV file"),
        ("id,label\n1,2\n", "its columns are id, label"),
        ("id,decision\n1,kept\n", "'kept'; it can be keep"),
        ("id,decision\none,keep\n", "id is not a column of integers"),
        ("id,decision,when\n1,keep,27.11.2026\n", "'27.11.2026' as a time"),
        ("id,decision\n1,keep\n77777,keep\n", "no samples with these ids: 77777. Nothing was recorded."),
        ("id,decision,label\n1,relabel,10\n", "has no class 10"),
    ],
)
def test_a_table_that_is_none_records_nothing(
    looked_at: Dataset, tmp_path: Path, command_line: Cli, text: str | None, words: str
) -> None:
    """Not even its sound rows."""
    before = read_decisions(looked_at)
    if text is not None:
        (tmp_path / "mine.csv").write_text(text)

    code, _, err = command_line("decisions", looked_at.location, "--import", tmp_path / "mine.csv")

    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert read_decisions(looked_at) == before


def test_what_cannot_be_compared_or_written_is_said(looked_at: Dataset, tmp_path: Path) -> None:
    """A person who has decided nothing, one twice, and a file that is there."""
    (tmp_path / "there.csv").write_text("mine")

    with pytest.raises(WrongUse, match="'Eve' has decided nothing.*'Ana', 'Bo'"):
        mnist_data.decisions(looked_at, compare=("Ana", "Eve"))
    with pytest.raises(WrongUse, match="'Ana' is named twice"):
        mnist_data.decisions(looked_at, compare=("Ana", "Ana"))
    with pytest.raises(OutputExists):
        mnist_data.decisions(looked_at, csv=tmp_path / "there.csv")
    with pytest.raises(UnreadableInput):
        mnist_data.decisions(looked_at, import_=tmp_path / "there.csv")
