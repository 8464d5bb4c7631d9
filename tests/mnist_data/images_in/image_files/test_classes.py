"""Folders and names give splits and classes where they decide it, and are asked about where they do not."""

from __future__ import annotations

import pytest

from mnist_data.errors import WrongUse
from mnist_data.images_in.image_files.classes import assign
from mnist_data.images_in.image_files.name_labels import labels_in_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("train/5/a train/10/b test/5/c", "train=5 train=10 test=5"),
        ("5/a 6/b", "train=5 train=6"),
        ("digits/A/a digits/a/b", "train=A train=a"),
        ("digit_5/a digit_10/a", "train=digit_5 train=digit_10"),
        ("5/train/a 6/train/b 5/test/c", "train=5 train=6 test=5"),
        ("training_images/5/a t10k-images/6/b", "train=5 test=6"),
        ("mnist_train/5/a mnist_test/5/b", "train=5 test=5"),
        ("train/5/a extra/6/b", "train=5 extra=6"),
        ("test-images/5/a test-images/6/b", "test=5 test=6"),
        ("writer1/5/a writer2/5/b writer2/6/c", "train=5 train=5 train=6"),
        ("5/writer1/a 5/writer2/b 6/writer1/c", "train=5 train=5 train=6"),
        ("cats/images/a dogs/images/b", "train=cats train=dogs"),
        ("train/images/5/a test/5/b test/6/c", "train=5 test=5 test=6"),
        ("train/5/a train/6/b test/1 test/2", "train=5 train=6 unlabelled= unlabelled="),
        ("5/a b", "train=5 unlabelled="),
        ("train/a test/b", "train= test="),
        ("5/a 5/b", "train=5 train=5"),
        ("photos/a photos/b", "unlabelled= unlabelled="),
        ("train/cats/a train/cats/b", "train=cats train=cats"),
        ("train/images/a train/images/b", "unlabelled= unlabelled="),
    ],
)
def test_folders_give_split_and_class(names: str, expected: str) -> None:
    """However people nest them."""
    assigned = assign([f"{name}.png" for name in names.split()])

    found = [
        f"{split}={assigned.classes[label] if label >= 0 else ''}"
        for split, label in zip(assigned.splits, assigned.labels, strict=True)
    ]
    assert found == expected.split()
    assert bool(assigned.notes) == ("=" in [item[-1] for item in found] or "writer2/5" in names)


@pytest.mark.parametrize("names", ["1/5/a 1/6/b 2/5/c", "Greek/alpha/a Latin/alpha/b Latin/beta/c"])
def test_two_levels_that_could_be_the_classes_are_refused(names: str) -> None:
    """A guess would give each image a wrong label."""
    with pytest.raises(WrongUse, match="nothing decides which folders are the classes"):
        assign([f"{name}.png" for name in names.split()])


NUMBERS = range(24)


@pytest.mark.parametrize(
    ("form", "right"),
    [
        ("{label}_{number:04}", True),
        ("{number:05}-{label}", True),
        ("img_{number}_label_{label}", True),
        ("digit{label}_{number}", True),
        ("train_{label}_{number}", True),
        ("{word}_{number:04}", True),
        ("{letter}{number:03}", True),
        ("{label}_{within}", True),
        ("IMG_{number:04}", False),
        ("page{label}_{number}", False),
        ("scan{page}_line{label}", False),
        ("2026-01-{day:02} ({within})", False),
        ("Screenshot 2026-01-{day:02}-{number:03}", False),
        ("{grid}_{cell}", False),
    ],
)
def test_a_label_in_the_names_is_taken_only_where_it_is_clear(form: str, right: bool) -> None:
    """Counts, pages and dates are no labels, and neither is one of two numbers that both could be."""
    labels = [[3, 5, 5, 7][number % 4] for number in NUMBERS]
    names = [
        form.format(
            number=number,
            label=label,
            word=("three", "five", "seven")[label // 2 - 1],
            letter="abc"[label // 2 - 1],
            within=labels[: number + 1].count(label),
            page=number // 8,
            day=1 + number // 8,
            grid=1 + number // 6,
            cell=1 + number % 6,
        )
        + ".png"
        for number, label in zip(NUMBERS, labels, strict=True)
    ]

    found = labels_in_names(names)

    if right:
        assert found is not None
        assert len(set(zip(found, labels, strict=True))) == 3
    else:
        assert found is None


def test_names_of_different_forms_give_no_label() -> None:
    """One rule for the whole set, or none."""
    assert labels_in_names(["5_01.png", "5_02.png", "7_01.png", "noise.png"]) is None
    assert labels_in_names([]) is None


def test_the_users_split_and_the_roots_name_are_heard() -> None:
    """--split decides; else the folder's own name does."""
    assert assign(["5/a.png"], root="mnist_test").splits == ("test",)
    assert assign(["5/a.png", "b.png"], split="extra").splits == ("extra", "extra")
