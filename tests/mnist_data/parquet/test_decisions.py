"""What people decide about samples is kept with who, when and on which content; no row is lost, none is guessed."""

from __future__ import annotations

import multiprocessing
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_data.batch import Batch
from mnist_data.errors import MnistDataError, UnreadableInput, WrongUse
from mnist_data.parquet.dataset import Dataset, open_dataset
from mnist_data.parquet.decided_samples import image_hash
from mnist_data.parquet.decisions import (
    MatchedDecisions,
    current,
    decisions_file,
    match_decisions,
    read_decisions,
    record,
    standing,
    undo,
)
from mnist_data.parquet.decisions_table import Decision
from mnist_data.parquet.schema import Metadata
from mnist_data.parquet.writer import Draft, PartWriter

WRITERS, EACH = 3, 15


def dataset_at(place: str | Path, images: np.ndarray, labels: list[int], ids: list[int] | None = None) -> Dataset:
    """Write a dataset of classes a, b, c with these images."""
    metadata = Metadata("letters", images.shape[1:], images.dtype.name, classes=("a", "b", "c"))
    numbers = np.array(range(len(images)) if ids is None else ids, np.int64)
    with Draft(place, {"content": [images.tolist(), labels]}, overwrite=True) as draft:
        batch = Batch(numbers, np.array(labels, np.int64), images)
        return draft.commit([PartWriter(draft.location, "train", 0, metadata).write_all([batch])], metadata)


@pytest.fixture
def letters(tmp_path: Path) -> Dataset:
    """Give four small images of three classes."""
    return dataset_at(tmp_path / "letters", np.arange(16, dtype=np.uint8).reshape(4, 2, 2), [0, 1, 2, 0])


def test_a_decision_is_read_back_with_all_that_it_was_made_on(letters: Dataset) -> None:
    """Who, when in UTC, the label, the pixels and the content; and the history is in the order of its writing."""
    before = datetime.now(UTC)
    first = Decision(id=2, decision="relabel", label=1, note="<b>thin</b> 線", who=" Ana ", check="label_error")
    recorded = record(letters, [first]) + record(letters.location, [Decision(id=0, decision="keep", who="Bo")])

    history = read_decisions(letters)

    assert history == recorded
    assert [(one.id, one.decision, one.label, one.who, one.given) for one in history] == [
        (2, "relabel", 1, "Ana", 2),
        (0, "keep", None, "Bo", 0),
    ]
    assert history[0].note == first.note
    assert history[0].content == letters.content
    assert history[0].image == image_hash(np.array([[8, 9], [10, 11]], np.uint8)) != history[1].image
    assert before <= history[0].when <= history[1].when <= datetime.now(UTC)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Decision(id=9, decision="keep", who="Ana"), "ids: 9"),
        (Decision(id=0, decision="relabel", label=3, who="Ana"), "no class 3; its labels are 0, 1, 2"),
        (Decision(id=0, decision="relabel", label=-1, who="Ana"), "no class -1"),
        (Decision(id=0, decision="relabel", who="Ana"), "no new label"),
        (Decision(id=0, decision="keep", label=1, who="Ana"), "has a label, 1"),
        (Decision(id=0, decision="keep", who=" "), "does not say who"),
        (Decision(id=0, decision="maybe", who="Ana"), "'maybe'; it can be keep, remove"),  # type: ignore[arg-type]
        (Decision(id=0, decision="keep", who="Ana", note="x" * 20_000), "20,000 characters"),
        (Decision(id=0, decision="keep", who="\udcff"), "not UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_all_of_its_call(letters: Dataset, wrong: Decision, words: str) -> None:
    """The message says what is wrong, and the sound decision of the same call is not recorded either."""
    with pytest.raises(WrongUse, match=words):
        record(letters, [Decision(id=1, decision="keep", who="Ana"), wrong])

    assert read_decisions(letters) == ()
    assert not Path(decisions_file(letters)).exists()


def test_an_undo_is_a_row_that_takes_back_ones_own_last_decision(letters: Dataset) -> None:
    """Others' decisions stay, an earlier one of the same person counts again, and nothing is altered."""
    record(letters, [Decision(id=0, decision="keep", who="Ana"), Decision(id=1, decision="keep", who="Ana")])
    record(letters, [Decision(id=0, decision="remove", who="Bo"), Decision(id=0, decision="unsure", who="Ana")])
    before = read_decisions(letters)

    taken_back = [undo(letters, "Ana"), undo(letters, "Ana", id=0), undo(letters, "Eve")]

    history = read_decisions(letters)
    assert [(one.id, one.decision) if one else None for one in taken_back] == [(0, "unsure"), (0, "keep"), None]
    assert history[:4] == before
    assert [(one.id, one.decision, one.who) for one in history[4:]] == [(0, "undo", "Ana"), (0, "undo", "Ana")]
    assert {sample: (one.decision, one.who) for sample, one in current(history).items()} == {
        0: ("remove", "Bo"),
        1: ("keep", "Ana"),
    }
    assert current(history, "Bo").keys() == {0}


ROWS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(("keep", "remove", "undo")), st.sampled_from("ab")))


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_what_stands_is_what_a_stack_for_each_person_and_sample_holds(rows: list[tuple[int, str, str]]) -> None:
    """Each undo takes the top of its person's stack for its sample, as in an editor, and an empty one stays empty."""
    stacks: dict[tuple[int, str], list[int]] = {}
    history = [Decision(id=sample, decision=choice, who=who) for sample, choice, who in rows]  # type: ignore[arg-type]
    for place, (sample, choice, who) in enumerate(rows):
        stack = stacks.setdefault((sample, who), [])
        if choice != "undo":
            stack.append(place)
        elif stack:
            stack.pop()

    expected = sorted(place for stack in stacks.values() for place in stack)

    assert standing(history) == [history[place] for place in expected]


def test_a_decision_on_other_content_is_undecided_and_listed(letters: Dataset, tmp_path: Path) -> None:
    """Other pixels or another label make it stale; the same sample in another dataset, or relabelled so, does not."""
    images = np.arange(16, dtype=np.uint8).reshape(4, 2, 2)
    choices = [Decision(id=place, decision="keep", who="Ana") for place in (0, 1, 3)]
    history = record(letters, [*choices, Decision(id=2, decision="relabel", label=0, who="Ana")])
    images[0, 0, 0] = 99

    changed = dataset_at(tmp_path / "changed", images[[0, 1, 2]], [0, 2, 0], [0, 1, 2])
    matched = match_decisions(changed, history)

    assert matched.valid == {2: history[3]}
    assert [one.id for one in matched.stale] == [0, 1]
    assert [one.id for one in matched.missing] == [3]
    assert match_decisions(letters, history) == MatchedDecisions({one.id: one for one in history}, (), ())


def test_nothing_is_recorded_about_a_dataset_that_was_replaced_while_it_was_looked_at(letters: Dataset) -> None:
    """What the person saw is not what lies there now."""
    dataset_at(letters.location, np.ones((4, 2, 2), np.uint8), [0, 0, 0, 0])

    with pytest.raises(WrongUse, match="replaced since it was opened"):
        record(letters, [Decision(id=0, decision="keep", who="Ana")])

    assert read_decisions(letters) == ()


def test_where_decisions_lie(tmp_path: Path) -> None:
    """Next to a dataset, by its name; the datasets of a workspace share one file; on a store they are a folder."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "convert.manifest.json").touch()

    places = [tmp_path / "digits", tmp_path / "digits/split=train/part-00000.parquet", work, work / "clean"]

    assert [Path(decisions_file(place)).relative_to(tmp_path).as_posix() for place in places] == [
        "digits.decisions.parquet",
        "digits.decisions.parquet",
        "work/decisions.parquet",
        "work/decisions.parquet",
    ]
    assert Path(decisions_file(work / "other")).name == "other.decisions.parquet"
    assert decisions_file("s3://bucket/digits/") == "s3://bucket/digits.decisions"


def test_on_a_store_each_call_adds_a_file_of_its_own() -> None:
    """There is no lock there; nothing is replaced, all is read, and an undo reads it, too."""
    place = "memory://decided/letters"
    letters = dataset_at(place, np.arange(8, dtype=np.uint8).reshape(2, 2, 2), [0, 1])

    record(letters, [Decision(id=0, decision="keep", who="Ana")])
    record(letters, [Decision(id=1, decision="remove", who="Bo")])
    undo(letters, "Ana")

    assert [(one.id, one.decision) for one in read_decisions(place)] == [(0, "keep"), (1, "remove"), (0, "undo")]
    assert len(open_dataset(place)) == 2


def damage(kind: str, place: Path) -> None:
    """Put something else in the place of a file of decisions."""
    content = bytearray(place.read_bytes())
    table, metadata = pq.read_table(place), pq.read_schema(place).metadata
    if kind == "flipped":
        content[len(content) // 3] ^= 1
        place.write_bytes(content)
    elif kind == "cut":
        place.write_bytes(content[: len(content) // 2])
    elif kind == "folder":
        place.unlink()
        place.mkdir()
    elif kind in ("empty", "text"):
        place.write_bytes(b"" if kind == "empty" else b"id,decision\n1,keep\n")
    elif kind == "foreign":
        pq.write_table(pa.table({"id": [1], "decision": ["keep"]}), place)
    else:  # as another program would write it, with our words in it
        pq.write_table(table.replace_schema_metadata(metadata), place)


@pytest.mark.parametrize("kind", ["flipped", "cut", "folder", "empty", "text", "foreign", "by another program"])
def test_a_file_that_is_not_as_we_wrote_it_is_refused_and_left_alone(letters: Dataset, kind: str) -> None:
    """Neither read for what it seems to say nor written over: a person's decisions may still be saved from it."""
    record(letters, [Decision(id=0, decision="keep", who="Ana")])
    place = Path(decisions_file(letters))
    damage(kind, place)
    before = None if place.is_dir() else place.read_bytes()

    for call in (lambda: read_decisions(letters), lambda: record(letters, [Decision(id=1, decision="keep", who="B")])):
        with pytest.raises(MnistDataError, match="decisions.parquet: ") as error:
            call()
        assert isinstance(error.value, UnreadableInput)
        assert error.value.exit_code == 2

    assert place.is_dir() if before is None else place.read_bytes() == before


def write_some(location: str, who: str) -> None:
    """Record decisions one after another, as an explorer does; and take one back."""
    dataset = open_dataset(location)
    for number in range(EACH):
        record(dataset, [Decision(id=number % 4, decision="keep", who=who, note=str(number))])
    undo(dataset, who)


def test_processes_that_record_at_once_lose_nothing(letters: Dataset) -> None:
    """Each row of each of them is there, each one's in its own order, and no lock or draft is left."""
    context = multiprocessing.get_context("forkserver")  # Arrow has threads, which a plain fork would cut off
    processes = [
        context.Process(target=write_some, args=(letters.location, f"person {number}")) for number in range(WRITERS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    history = read_decisions(letters)

    assert [process.exitcode for process in processes] == [0] * WRITERS
    assert Counter(one.who for one in history) == {f"person {number}": EACH + 1 for number in range(WRITERS)}
    for number in range(WRITERS):
        own = [one for one in history if one.who == f"person {number}"]
        assert [one.note for one in own[:-1]] == [str(place) for place in range(EACH)]
        assert own[-1].decision == "undo"
    folder = Path(letters.location).parent
    assert sorted(path.name for path in folder.iterdir()) == [
        "letters",
        "letters.decisions.parquet",
        "letters.manifest.json",
    ]


def test_decisions_outlive_their_dataset(letters: Dataset) -> None:
    """A dataset that is removed, and written again with the same samples, finds what was decided about it."""
    record(letters, [Decision(id=0, decision="remove", who="Ana")])
    shutil.rmtree(letters.location)

    again = dataset_at(letters.location, np.arange(16, dtype=np.uint8).reshape(4, 2, 2), [0, 1, 2, 0])

    assert match_decisions(again, read_decisions(again)).valid.keys() == {0}
