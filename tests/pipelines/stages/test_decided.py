"""What people have decided is applied by cleaning, scoring and auditing, to the samples that they saw and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mnist_data
from mnist_data.errors import CheckFailed, WrongUse
from mnist_data.idx import format as idx
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.corrections import corrections_now, corrections_then, history_of, read_corrections
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import decisions_file, match_decisions, read_decisions, record, undo
from mnist_data.parquet.decisions_table import Decision
from pipelines.networks.evaluation.corrections import corrected_predictions, corrected_scores
from pipelines.run.verify import verify
from pipelines.settings.stages import Augment, Clean
from pipelines.stages.augment import augment
from pipelines.stages.clean import clean
from pipelines.stages.convert import convert
from pipelines.stages.normalize import normalize

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def faulty(tmp_path: Path) -> Dataset:
    """Give twelve random images of three classes, one of them blank and three alike, and three to test on."""
    chance = np.random.default_rng(0)
    images, test = (chance.integers(0, 255, (count, 8, 8), np.uint8) for count in (12, 3))
    images[1] = 0
    images[4] = images[5] = images[3]
    labels = np.array([0, 1, 2] * 4, np.uint8)
    for split in ("train", "test"):
        idx.write(tmp_path / f"{split}-images-idx3-ubyte", images if split == "train" else test)
        idx.write(tmp_path / f"{split}-labels-idx1-ubyte", labels if split == "train" else labels[:3])
    return convert(find_pairs(tmp_path), tmp_path / "faulty").dataset


def findings(place: Path) -> dict[int, tuple[str, str]]:
    table = pd.read_parquet(f"{place}.quarantine.parquet")
    return {row.id: (row.reason, row.action) for row in table.itertuples()}


def test_cleaning_does_what_people_decided_and_else_what_its_rules_say(faulty: Dataset, tmp_path: Path) -> None:
    """Removed, relabelled and kept, each with who decided it; of copies whose first is removed, the next one stays."""
    record(
        faulty,
        [
            Decision(id=0, decision="remove", who="Ana", note="smudge"),
            Decision(id=2, decision="relabel", label=1, who="Bo"),
            Decision(id=1, decision="keep", who="Bo"),
            Decision(id=3, decision="remove", who="Ana"),
            Decision(id=6, decision="unsure", who="Ana"),
            Decision(id=7, decision="remove", who="Ana"),
        ],
    )
    undo(faulty, "Ana")

    outcome = clean(faulty, tmp_path / "clean", Clean(decisions=faulty.location))

    assert findings(tmp_path / "clean") == {
        0: ("removed_by_decision", "remove"),
        1: ("blank", "keep"),
        2: ("relabelled_by_decision", "repair"),
        3: ("removed_by_decision", "remove"),
        4: ("duplicate", "keep"),
        5: ("duplicate", "remove"),
    }
    details = pd.read_parquet(f"{outcome.quarantine}.parquet").set_index("id")["detail"]
    assert details[0].startswith("by Ana on 20")
    assert details[0].endswith(": smudge")
    assert details[2].startswith("2 → 1, by Bo")
    cleaned = mnist_data.load(outcome.dataset, "train").set_index("id")
    assert cleaned.index.tolist() == [1, 2, 4, *range(6, 12)]
    assert cleaned["label"][2] == 1
    totals = outcome.totals.set_index("split").loc["train"]
    assert totals[["samples_in", "kept", "changed", "removed"]].tolist() == [12, 8, 1, 3]
    assert outcome.decided is not None
    assert outcome.decided.counts == {"keep": 1, "remove": 2, "relabel": 1, "unsure": 1, "stale": 0, "missing": 0}


def test_what_is_decided_later_does_not_change_what_was_made(faulty: Dataset, tmp_path: Path) -> None:
    """The metadata hold the hash of the decisions as they were; the same bytes are made again when there are more."""
    record(faulty, [Decision(id=0, decision="remove", who="Ana")])
    made = clean(faulty, tmp_path / "clean", Clean(decisions=faulty.location)).dataset
    digest = made.metadata.stages[-1].parameters["decisions"]
    record(faulty, [Decision(id=2, decision="remove", who="Ana")])
    part = next((tmp_path / "clean/split=train").iterdir())
    part.write_bytes(part.read_bytes()[:-20] + b"x" * 20)

    repaired = verify(made.location, repair=True)

    assert repaired.findings == []
    assert repaired.repaired == [made.location]
    then = corrections_then(faulty, digest)
    assert then is not None
    assert [decision.id for decision in then.decisions] == [0]
    assert history_of("0" * 64, read_decisions(faulty)) is None


def test_decisions_that_would_empty_a_class_are_held_back(faulty: Dataset, tmp_path: Path) -> None:
    """As what a rule removes is; and the message names no flag that there is not."""
    record(faulty, [Decision(id=sample, decision="remove", who="Ana") for sample in (0, 3, 6, 9)])

    with pytest.raises(CheckFailed, match="removed_by_decision: 4.*Take decisions back, or go on"):
        clean(faulty, tmp_path / "clean", Clean(decisions=faulty.location))


def test_a_table_of_ones_own_is_a_table_of_decisions(faulty: Dataset, tmp_path: Path) -> None:
    """Ids with a label, or with a decision, as a spreadsheet has them; ids that are not there are said."""
    (tmp_path / "labels.csv").write_text("id,label\n2,1\n")
    (tmp_path / "mine.csv").write_text("id,decision,label,note\n2,relabel,1,'=SUM(1)\n0,remove,0,\n99,keep,,\n")

    labels = clean(faulty, tmp_path / "one", Clean(decisions=str(tmp_path / "labels.csv")))
    mine = clean(faulty, tmp_path / "two", Clean(decisions=str(tmp_path / "mine.csv")))

    assert findings(tmp_path / "one")[2] == ("relabelled_by_decision", "repair")
    assert findings(tmp_path / "two")[0] == ("removed_by_decision", "remove")
    assert labels.decided is not None
    assert labels.decided.notes == ()
    assert mine.decided is not None
    assert mine.decided.notes == ("Not applied: 1 decision about ids that the dataset does not have: 99.",)
    assert pd.read_parquet(f"{mine.quarantine}.parquet").set_index("id")["detail"][2] == "2 → 1, by mine.csv: =SUM(1)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,decision\n1,maybe\n", "is 'maybe'; it can be keep"),
        ("id,decision,label\n1,relabel,\n", "has no new label"),
        ("id,decision,when\n1,keep,yesterday\n", "'yesterday' as a time"),
        ("id,decision,label\n1,relabel,9\n", "no class 9"),
        ("id,label\n1,9\n", "no class 9"),
    ],
)
def test_a_table_that_cannot_be_meant_changes_nothing(
    faulty: Dataset, tmp_path: Path, text: str, words: str, command_line: Cli
) -> None:
    """The command ends with 2 and says why, and there is no output."""
    (tmp_path / "mine.csv").write_text(text)

    code, _, err = command_line("clean", faulty.location, tmp_path / "out", "--decisions", tmp_path / "mine.csv")

    assert code == 2
    assert words in err
    assert not (tmp_path / "out").exists()


def test_decisions_follow_a_sample_through_stages_and_not_its_number(faulty: Dataset, tmp_path: Path) -> None:
    """Normalized pixels are other bytes of the same sample; in a dataset of copies an id is another sample's."""
    record(faulty, [Decision(id=2, decision="relabel", label=0, who="Ana")])
    history = read_decisions(faulty)
    scaled = normalize(faulty, tmp_path / "scaled")
    copied = augment(scaled, tmp_path / "copied", Augment(copies=1))

    assert match_decisions(scaled, history).valid.keys() == {2}
    assert [one.id for one in match_decisions(copied, history).stale] == [2]
    assert match_decisions(copied, history, originals=True).valid.keys() == {2}


def test_scores_by_corrected_labels_leave_out_what_is_removed(faulty: Dataset) -> None:
    """Of three samples one is relabelled to what was predicted, and one that was right is taken out."""
    record(faulty, [Decision(id=6, decision="relabel", label=1, who="A"), Decision(id=7, decision="remove", who="A")])
    corrections, _ = read_corrections(faulty.location).about(faulty)
    probabilities = np.eye(3, dtype=np.float32)[[1, 1, 0]]

    table = corrected_scores(probabilities, np.array([6, 7, 8]), np.array([0, 1, 2]), corrections)

    assert table[["labels", "changed", "removed", "samples", "correct"]].to_numpy().tolist() == [
        ["given", 0, 0, 3, 1],
        ["corrected", 1, 1, 2, 1],
    ]
    record(faulty, [Decision(id=sample, decision="remove", who="A") for sample in (6, 8)])
    none, _ = read_corrections(faulty.location).about(faulty)
    left = corrected_scores(probabilities, np.array([6, 7, 8]), np.array([0, 1, 2]), none)
    assert left["labels"].tolist() == ["given"]


def test_an_audit_says_what_is_decided_and_counts_what_is_left(faulty: Dataset, command_line: Cli) -> None:
    """Three copies are flagged: one is decided, one is left open, one was not looked at; who it was stands there."""
    arguments = ("audit", faulty.location, "--no-labels", "--plot", "--overwrite")
    assert command_line(*arguments)[0] == 0
    folder = Path(f"{faulty.location}-audit")
    before = pd.read_parquet(folder / "audit.parquet")
    flagged = before.loc[before["is_exact_duplicate"], "id"].tolist()
    record(
        faulty,
        [
            Decision(id=flagged[0], decision="remove", who="<b>Ana</b>", check="exact_duplicate"),
            Decision(id=flagged[1], decision="unsure", who="Bo"),
        ],
    )

    code, out, _ = command_line(*arguments, "--json")

    assert code == 0
    table = pd.read_parquet(folder / "audit.parquet").set_index("id")
    assert table.loc[flagged, "decision"].tolist()[:2] == ["remove", "unsure"]
    assert table.loc[flagged[0], "decided_by"] == "<b>Ana</b>"
    checks = pd.read_parquet(folder / "checks.parquet").set_index(["check", "split"])
    row = checks.loc[("exact_duplicate", "train")]
    assert (row["flagged"], row["decided"], row["left"]) == (len(flagged), 1, len(flagged) - 1)
    assert f"; 1 decided, {len(flagged) - 1} left." in json.dumps(json.loads(out), ensure_ascii=False)
    assert "decision" not in before
    page = (folder / "dashboard.html").read_text("utf-8")
    assert "remove (&lt;b&gt;Ana" in page
    assert "<b>Ana" not in page


def test_nothing_decided_is_said_where_decisions_are_asked_for(faulty: Dataset, tmp_path: Path) -> None:
    """A dataset without decisions is no empty list of them: the user has named the wrong one."""
    assert corrections_now(faulty) is None
    with pytest.raises(WrongUse, match="nothing has been decided about it"):
        clean(faulty, tmp_path / "out", Clean(decisions=faulty.location))
    assert not Path(decisions_file(faulty)).exists()


def test_predictions_are_scored_by_corrected_labels_too(faulty: Dataset) -> None:
    """Classes are compared by name, as the model may number them otherwise; all may be taken out."""
    record(faulty, [Decision(id=6, decision="relabel", label=1, who="A"), Decision(id=7, decision="remove", who="A")])
    corrections, _ = read_corrections(faulty.location).about(faulty)
    table = pd.DataFrame(
        {
            "id": [6, 7, 8, 9],
            "label": [2, 1, 0, -1],  # the model numbers the classes the other way round
            "label_name": ["0", "1", "2", None],
            "predicted": [1, 0, 0, 0],
            "name": ["1", "2", "2", "2"],
            "correct": pd.array([False, False, True, None], dtype="boolean"),
        }
    )

    scores = corrected_predictions(table, faulty.metadata, corrections)
    record(faulty, [Decision(id=sample, decision="remove", who="A") for sample in (6, 8)])
    none = corrected_predictions(table, faulty.metadata, read_corrections(faulty.location).about(faulty)[0])

    columns = ["labels", "changed", "removed", "samples", "correct", "accuracy"]
    assert scores[columns].to_numpy().tolist() == [["given", 0, 0, 3, 1, 1 / 3], ["corrected", 1, 1, 2, 2, 1.0]]
    assert none["labels"].tolist() == ["given"]
    assert corrected_predictions(table.iloc[3:], faulty.metadata, corrections).empty
