"""People's own digits: found in any picture, and brought to the form that MNIST has."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndimage
from PIL import Image

import mnist_data
from mnist_data.errors import MismatchedPair, NoDataset, UnreadableInput
from mnist_data.idx import sample
from pipelines.engine.engine import Cluster, Serial
from pipelines.engine.execution import Execution
from pipelines.images.find_digits.sheet import digits_of
from pipelines.run.report import write_report
from pipelines.stages.prepare import prepare
from tests.conftest import real_folder

IMAGES, LABELS = sample.digits()
LARGE = 4
"""How many times larger than 28×28 the digits on the made sheets are."""


def sheet(rows: int, columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw digits in lines, jittered and apart: their ink, 0 … 1, and which they are, in reading order."""
    rng = np.random.default_rng(seed)
    pitch = 32 * LARGE
    ink = np.zeros((rows * pitch + 80, columns * pitch + 80))
    chosen = rng.integers(0, len(IMAGES), rows * columns)
    for number, which in enumerate(chosen):
        top, left = (40 + place * pitch + rng.integers(-4, 5) for place in divmod(number, columns))
        digit = Image.fromarray(IMAGES[which]).resize((28 * LARGE,) * 2, Image.Resampling.BICUBIC)
        part = ink[top : top + 28 * LARGE, left : left + 28 * LARGE]
        np.maximum(part, np.asarray(digit) / 255, out=part)
    return ink, chosen


def photograph(ink: np.ndarray, seed: int = 0, noise: float = 4) -> Image.Image:
    """Put dark ink on paper that is lit from one side, with the noise of a camera."""
    rows, columns = np.indices(ink.shape)
    light = 210 + 40 * columns / ink.shape[1] - 70 * rows / ink.shape[0]
    values = light * (1 - 0.75 * ink) + np.random.default_rng(seed).normal(0, noise, ink.shape)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Correlate two images, blurred a little, as a pen's width does not matter."""
    smooth = [ndimage.gaussian_filter(image.astype(float), 1.5).reshape(-1) for image in (one, other)]
    return float(np.corrcoef(*smooth)[0, 1])


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (4, 1), (3, 4), (5, 6)])
def test_every_digit_of_a_photographed_sheet_is_found_in_reading_order(rows: int, columns: int) -> None:
    """Each looks like the one that was drawn, whatever the light."""
    ink, chosen = sheet(rows, columns)

    found = digits_of(photograph(ink))

    assert len(found) == rows * columns
    likeness = [similarity(digit.image, IMAGES[which]) for digit, which in zip(found, chosen, strict=True)]
    assert min(likeness) > 0.8
    assert np.mean(likeness) > 0.93


def test_polarity_colour_and_transparency_do_not_matter() -> None:
    """Black on white, white on black, red on yellow, ink alone on nothing, sixteen bits: the same digit."""
    ink, _ = sheet(1, 1)
    dark, bright = (np.rint(255 * values).astype(np.uint8) for values in (1 - ink, ink))
    red = np.stack([np.full_like(dark, 200), np.rint(200 - 180 * ink).astype(np.uint8), np.full_like(dark, 30)], axis=2)
    opaque = np.full_like(dark, 255)
    pictures = [
        Image.fromarray(dark),
        Image.fromarray(bright),
        Image.fromarray(red),
        Image.merge("RGBA", [Image.fromarray(plane) for plane in (0 * dark, 0 * dark, 0 * dark, bright)]),
        Image.merge("RGBA", [Image.fromarray(plane) for plane in (opaque, opaque, opaque, bright)]),
        Image.fromarray(dark.astype(np.uint16) * 257),
    ]

    found = [digits_of(picture) for picture in pictures]

    assert [len(digits) for digits in found] == [1] * len(pictures)
    for digits in found:
        assert np.abs(digits[0].image.astype(int) - found[0][0].image).max() <= 12


def test_a_digit_has_mnists_form() -> None:
    """A longest side of 20, the white level somewhere, and its centre of mass in MNIST's window."""
    for number in range(40):
        picture = Image.fromarray(255 - np.kron(np.pad(IMAGES[number], 9), np.ones((5, 5), np.uint8)))
        image = digits_of(picture)[0].image
        rows, columns = np.nonzero(image)
        centre = ndimage.center_of_mass(image)

        assert image.max() == 255
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        assert all(13.4 <= place <= 14.6 for place in centre)


def test_a_thin_pen_is_thickened_and_a_thick_one_is_not_thinned() -> None:
    """A hairline of one pixel in a hundred would otherwise be a shadow."""
    thin, thick = np.full((2, 300, 300), 255, np.uint8)
    thin[50:250, 149:151] = 0
    thick[50:250, 130:170] = 0

    widths = [(digits_of(Image.fromarray(page))[0].image[14] / 255).sum() for page in (thin, thick)]

    assert 1.5 < widths[0] < 3
    assert 3.5 < widths[1] < 4.5


def test_a_digit_in_pieces_is_one_and_specks_are_none() -> None:
    """The bar of a 5 that is not joined to its bow, and dust on the scanner."""
    page = np.full((200, 160), 255, np.uint8)
    page[40:50, 60:110] = 0  # the bar
    page[62:150, 60:70] = 0  # what stands below it, a stroke's width away
    page[140:150, 60:110] = 0
    page[5:7, 5:7] = page[190:192, 150:152] = 0

    found = digits_of(Image.fromarray(page))

    assert [(one.left, one.top, one.right, one.bottom) for one in found] == [(60, 40, 110, 150)]


@pytest.mark.parametrize("picture", [np.full((50, 60), 255), np.zeros((1, 1)), np.full((400, 400), 128)])
def test_an_empty_sheet_has_no_digits(picture: np.ndarray) -> None:
    """Of any size and colour."""
    assert digits_of(Image.fromarray(picture.astype(np.uint8))) == []


def test_noise_alone_is_no_digit() -> None:
    """The grain of paper and camera stays below the threshold, which follows it."""
    page = np.random.default_rng(0).normal(180, 8, (300, 400))

    assert digits_of(Image.fromarray(page.clip(0, 255).astype(np.uint8))) == []


def test_a_folder_becomes_a_dataset_with_a_page(tmp_path: Path, cluster: Cluster) -> None:
    """A folder named after a digit labels its pictures; the same by any engine."""
    ink, chosen = sheet(2, 3)
    photograph(ink).save(tmp_path / "sheet.jpg")
    (tmp_path / "7").mkdir()
    seven = IMAGES[LABELS == 7][0]
    Image.fromarray(255 - np.kron(seven, np.ones((6, 6), np.uint8))).save(tmp_path / "7/mine.PNG")
    Image.fromarray(np.full((50, 50), 255, np.uint8)).save(tmp_path / "blank.png")

    outcomes = [
        prepare(tmp_path, tmp_path.parent / f"{tmp_path.name}-{number}", execution=Execution(engine))
        for number, engine in enumerate((Serial(), cluster))
    ]
    frame = mnist_data.load(outcomes[0].dataset.location)

    assert frame["label"].tolist() == [7] + [-1] * 6
    assert frame["file"].tolist() == ["7/mine.PNG"] + ["sheet.jpg"] * 6
    assert mnist_data.images(frame).shape == (7, 28, 28)
    assert outcomes[0].empty == ("blank.png",)
    page = write_report(outcomes[0].tables, outcomes[0].dataset, tmp_path / "page.html")
    assert "Before and after" in Path(page).read_text()
    assert outcomes[0].dataset.content == outcomes[1].dataset.content
    assert len(chosen) == 6


def test_what_was_set_aside_is_on_the_page_with_its_reason(tmp_path: Path) -> None:
    """A line across the sheet and specks; the first finding links to the section that shows them."""
    ink, _ = sheet(2, 3)
    ink = np.pad(ink, ((0, 200), (0, 0)))
    ink[-120:-110, 40:-40] = 1
    ink[-60:-56, 100:104] = ink[-60:-56, 300:304] = 1
    photograph(ink).save(tmp_path / "sheet.png")

    result = mnist_data.prepare(tmp_path / "sheet.png", tmp_path / "mine", plot=True, progress=False)

    page = Path(str(result.page)).read_text(encoding="utf-8")
    section = page[page.index('<section id="set-aside">') : page.index('<section id="reproduction">')]
    warned = [row for row in result["findings"].to_dict("records") if row["section"] == "set-aside"]
    assert warned[-1]["finding"] == "3 shapes were set aside as no digits."
    assert warned[-1]["evidence"].split("Most often: ")[1].rpartition(" (")[0].capitalize() in section
    assert section.count("<img") >= 1
    assert "sheet.png" in section


def test_what_holds_no_digits_is_refused_by_name(tmp_path: Path) -> None:
    """No picture, no digit, no picture file: each says what to do."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "words.png").write_text("no picture")
    Image.fromarray(np.full((50, 50), 255, np.uint8)).save(tmp_path / "blank.png")

    for path, words in (
        ("none", "there is no such file"),
        ("empty", "there are no image files in it"),
        ("blank.png", "no digit was found in any photo"),
    ):
        with pytest.raises(NoDataset, match=words):
            prepare(tmp_path / path, tmp_path / "out")
    with pytest.raises(UnreadableInput, match=r"words.png: it cannot be read"):
        prepare(tmp_path / "words.png", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_real_pictures_give_one_digit_each(tmp_path: Path) -> None:
    """Seventeen by two people: drawn on a canvas, scanned, in pieces, half transparent, on a noisy ground."""
    outcome = prepare(real_folder("own-digits"), tmp_path / "own")

    files = mnist_data.load(outcome.dataset.location)["file"]
    assert len(files) == files.nunique() == 17


def save_digits(root: Path, folders: dict[str, int], scale: int = 5) -> None:
    """Write enlarged digits of the sample, dark on white: of each folder one, the digit that is named."""
    for folder, digit in folders.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        page = 255 - np.kron(IMAGES[digit == LABELS][0], np.ones((scale, scale), np.uint8))
        Image.fromarray(page).save(root / folder / "1.png")


@pytest.mark.parametrize(
    ("folders", "classes", "expected"),
    [
        ({"A": 3, "b": 4, "": 5}, ("A", "b"), {"train": [0, 1], "unlabelled": [-1]}),
        ({"train/one": 1, "train/two": 2, "test/two": 2}, ("one", "two"), {"train": [0, 1], "test": [1]}),
        ({"digit_9": 9, "digit_10": 1}, ("digit_9", "digit_10"), {"train": [0, 1]}),
        ({"3": 3, "7": 7}, tuple("0123456789"), {"train": [3, 7]}),
        ({"photos": 3}, tuple("0123456789"), {"unlabelled": [-1]}),
    ],
)
def test_class_folders_of_any_name_give_classes_and_splits(
    folders: dict[str, int], classes: tuple[str, ...], expected: dict[str, list[int]], tmp_path: Path
) -> None:
    """As `convert` finds them, also in a zip; digits alone keep their own numbers."""
    save_digits(tmp_path / "in", folders)
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "in")

    for source in (tmp_path / "in", Path(archive)):
        dataset = prepare(source, tmp_path / f"out-{source.suffix}").dataset
        frame = mnist_data.load(dataset.location)

        assert dataset.metadata.classes == classes
        assert {split: frame.loc[frame["split"] == split, "label"].tolist() for split in dataset.splits} == expected
        assert frame["id"].tolist() == list(range(len(frame)))
    assert dict(prepare(tmp_path / "in", tmp_path / "named", split="extra").dataset.splits) == {"extra": len(frame)}


@pytest.mark.parametrize(
    ("cells", "classes", "labels"),
    [(("3", "7"), tuple("0123456789"), [3, 7]), (("b", "a"), ("a", "b"), [1, 0]), (("12", "3"), (), [12, 3])],
)
def test_a_table_next_to_photos_gives_their_labels(
    cells: tuple[str, str], classes: tuple[str, ...], labels: list[int], tmp_path: Path
) -> None:
    """As for `convert`: numbers are the labels themselves, words are classes, and nothing unmatched is passed over."""
    save_digits(tmp_path / "in", {"x": 3, "y": 7})
    names = sorted(path.relative_to(tmp_path / "in").as_posix() for path in (tmp_path / "in").rglob("*.png"))
    for name in names:
        (tmp_path / "in" / name).rename(tmp_path / "in" / name.replace("/", "-"))
    rows = [f"{name.replace('/', '-')},{cell}" for name, cell in zip(names, cells, strict=True)]
    (tmp_path / "in/labels.csv").write_text("\n".join(["file_name,label", *rows]))

    result = prepare(tmp_path / "in", tmp_path / "out")

    assert result.dataset.metadata.classes == classes
    assert mnist_data.load(result.dataset.location)["label"].tolist() == labels
    assert any("labels are read from" in note for note in result.notes)
    (tmp_path / "in/labels.csv").write_text("\n".join(["file_name,label", rows[0]]))
    with pytest.raises(MismatchedPair, match="1 image without a row"):
        prepare(tmp_path / "in", tmp_path / "other")
    assert len(prepare(tmp_path / "in", tmp_path / "other", skip_unreadable=True).dataset) == 1


def test_a_class_of_several_signs_is_pointed_out(tmp_path: Path) -> None:
    """The two digits of a 10 would each be called 10; sheets of one digit are what they are."""
    page = np.full((200, 360), 255, np.uint8)
    for place, digit in enumerate((1, 0)):
        page[30:170, 20 + 170 * place : 160 + 170 * place] = 255 - np.kron(
            IMAGES[digit == LABELS][0], np.ones((5, 5), np.uint8)
        )
    for folder in ("10", "9"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        Image.fromarray(page).save(tmp_path / "in" / folder / "1.png")

    notes = prepare(tmp_path / "in", tmp_path / "out").notes

    assert [note[:38] for note in notes] == ["Most photos of the class 10 hold sever"]


def test_files_that_are_no_images_are_listed_at_once_or_left_out(tmp_path: Path) -> None:
    """So that they can be mended at once."""
    save_digits(tmp_path / "in", {"A": 3})
    for name in ("x.png", "y.jpg"):
        (tmp_path / "in/A" / name).write_text("no image")

    with pytest.raises(UnreadableInput, match=r"2 files that cannot be read .*x\.png.*y\.jpg"):
        prepare(tmp_path / "in", tmp_path / "out")
    result = prepare(tmp_path / "in", tmp_path / "out", skip_unreadable=True)

    assert len(result.dataset) == 1
    assert "2 of 3 image files cannot be read" in result.notes[-1]
