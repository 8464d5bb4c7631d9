"""Image files of any mode, in folders and archives, give their pixels; what cannot be read is listed, all at once."""

from __future__ import annotations

import io
import os
import shutil
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

import mnist_data
from mnist_data.errors import MnistDataError, NoDataset, UnreadableInput, WrongUse
from mnist_data.idx.archives import members
from mnist_data.images_in.image_files.folders import FolderStream, folder_streams
from mnist_data.images_in.image_files.png import decode_plain
from mnist_data.images_in.stream import Options

Pixels = npt.NDArray[np.generic]

RNG = np.random.default_rng(7)
GREY = RNG.integers(0, 256, (9, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (9, 7, 3), dtype=np.uint8)
INK = GREY // 4
"""Dark, so that what lies behind it is white."""


def opened(root: Path, **options: bool) -> FolderStream:
    """Open the only split of a folder or archive."""
    (stream,) = folder_streams([str(root)], Options(**options))  # type: ignore[arg-type]
    return stream


def pixels(root: Path) -> Pixels:
    """Read all images of the only split."""
    return np.concatenate([rows.images for rows in opened(root).rows(3)])


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Give the bytes of an image file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def put(root: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def with_alpha(grey: Pixels, alpha: Pixels) -> Image.Image:
    """Give an image of grey and alpha."""
    return Image.fromarray(np.stack([grey, alpha], axis=-1))


def oriented(image: Image.Image, how: int) -> bytes:
    """Give a PNG whose EXIF says how the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = how
    return encoded(image, exif=exif)


ALPHA = np.where(GREY > 128, 255, 0).astype(np.uint8)

MODES: dict[str, tuple[bytes, Pixels]] = {
    "8 bits": (encoded(Image.fromarray(GREY)), GREY),
    "1 bit": (encoded(Image.fromarray(GREY > 128)), np.where(GREY > 128, 255, 0).astype(np.uint8)),
    "16 bits": (encoded(Image.fromarray(GREY.astype(np.uint16) * 257)), GREY.astype(np.uint16) * 257),
    "16 bits, TIFF": (encoded(Image.fromarray(GREY.astype(np.uint16) * 99), "TIFF"), GREY.astype(np.uint16) * 99),
    "32 bits, TIFF": (encoded(Image.fromarray(GREY.astype(np.int32) - 9), "TIFF"), GREY.astype(np.int32) - 9),
    "floats": (encoded(Image.fromarray(GREY.astype(np.float32) / 3), "TIFF"), GREY.astype(np.float32) / 3),
    "colour": (encoded(Image.fromarray(COLOUR)), COLOUR),
    "grey as RGB": (encoded(Image.fromarray(GREY).convert("RGB")), GREY),
    "grey palette": (encoded(Image.fromarray(GREY).convert("P")), GREY),
    "coloured palette": (
        encoded(Image.fromarray(COLOUR).quantize(64)),
        np.asarray(Image.fromarray(COLOUR).quantize(64).convert("RGB")),
    ),
    "dark ink on nothing": (encoded(with_alpha(INK, ALPHA)), np.where(ALPHA > 0, INK, 255).astype(np.uint8)),
    "bright ink on nothing": (
        encoded(with_alpha(255 - INK, ALPHA)),
        np.where(ALPHA > 0, 255 - INK, 0).astype(np.uint8),
    ),
    "ink is alpha": (encoded(with_alpha(INK * 0, GREY)), 255 - GREY),
    "RGBA": (encoded(with_alpha(INK, ALPHA).convert("RGBA")), np.where(ALPHA > 0, INK, 255).astype(np.uint8)),
    "on its side": (oriented(Image.fromarray(GREY), 6), np.rot90(GREY, -1)),
    "CMYK": (
        encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"),
        np.asarray(Image.fromarray(COLOUR).convert("CMYK").convert("RGB")),
    ),
    "BMP": (encoded(Image.fromarray(GREY), "BMP"), GREY),
    "GIF": (encoded(Image.fromarray(GREY), "GIF"), GREY),
    "PGM": (encoded(Image.fromarray(GREY), "PPM"), GREY),
    "WebP": (encoded(Image.fromarray(GREY), "WEBP", lossless=True), GREY),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_its_pixels(mode: str, tmp_path: Path) -> None:
    """One channel where there is no colour; 16 bits stay 16 bits; see-through parts contrast with the ink."""
    content, expected = MODES[mode]
    put(tmp_path, {"5/a.png": content, "6/b.png": content})

    np.testing.assert_array_equal(np.stack([expected, expected]), pixels(tmp_path), strict=True)


def test_the_shape_is_that_of_the_whole_set(tmp_path: Path) -> None:
    """One image in colour makes all have three channels, in whatever split it lies; 8 and 16 bits do not mix."""
    put(tmp_path, {"train/5/a.png": MODES["8 bits"][0], "test/5/b.png": MODES["colour"][0]})

    train, test = folder_streams([str(tmp_path)])

    assert (9, 7, 3) == train.shape == test.shape
    assert (next(train.rows(1)).images == GREY[None, ..., None]).all()
    put(tmp_path, {"test/5/c.png": MODES["16 bits"][0]})
    with pytest.raises(WrongUse, match=r"pixels of different types: 8 bits \(.*\), 16 bits or more \(test/5/c.png\)"):
        folder_streams([str(tmp_path)])


def png(image: Pixels, filters: Pixels) -> bytes:
    """Write a PNG, grey or in colour, with the filters given, a line each, by the words of the specification."""
    height, width = image.shape[:2]
    step = 3 if image.ndim == 3 else 1
    lines, above = b"", [0] * width * step
    for kind, values in zip(filters.tolist(), image.reshape(height, -1).tolist(), strict=True):
        line = []
        for place, value in enumerate(values):
            left, corner = (values[place - step], above[place - step]) if place >= step else (0, 0)
            over = above[place]
            distances = [abs(left + over - corner - near) for near in (left, over, corner)]
            nearest = (left, over, corner)[distances.index(min(distances))]  # the first of equal ones
            line.append((value - (0, left, over, (left + over) // 2, nearest)[kind]) % 256)
        lines, above = lines + bytes([kind, *line]), values
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if step == 3 else 0, 0, 0, 0)
    return PNG_START + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


PNG_START = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    """Write a chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_many_plain_pngs_are_decoded_as_pillow_does(shape: tuple[int, ...]) -> None:
    """Every filter in every line; a damaged one, another size or another kind is left to Pillow."""
    images = RNG.integers(0, 256, (60, *shape), dtype=np.uint8)
    files: list[bytes | str] = [png(image, RNG.integers(0, 5, 9)) for image in images]
    assert all(
        (np.asarray(Image.open(io.BytesIO(file))) == image).all() for file, image in zip(files, images, strict=True)
    )  # type: ignore[arg-type]
    damaged = bytearray(files[3])  # type: ignore[arg-type]
    damaged[60] ^= 1
    files[3], files[5], files[8] = bytes(damaged), encoded(Image.fromarray(images[5][:5])), MODES["RGBA"][0]
    files[9] = oriented(Image.fromarray(images[9]), 3)
    decoded = np.zeros_like(images)

    rest = decode_plain([*files[:20], "it is a link", *files[21:]], decoded)

    assert rest == [3, 5, 8, 9, 20]
    kept = np.setdiff1d(np.arange(60), rest)
    np.testing.assert_array_equal(images[kept], decoded[kept])


@pytest.mark.parametrize("kind", ["grey", "equal channels", "colour", "JPEG", "JPEG, grey", "JPEG on its side"])
@pytest.mark.parametrize("skip", [False, True])
def test_sets_large_enough_for_every_way_of_decoding(kind: str, skip: bool, tmp_path: Path) -> None:
    """Together, in threads, kept from the first look: what Pillow decodes one by one is the truth."""
    exif = Image.Exif()
    exif[0x0112] = 8
    options = {"quality": 95} | ({"exif": exif} if "side" in kind else {}) if "JPEG" in kind else {}
    files = {}
    for place, pixels in enumerate(RNG.integers(0, 256, (80, 9, 7), dtype=np.uint8)):
        image = Image.fromarray(pixels)
        if kind not in ("grey", "JPEG, grey"):
            image = image.convert("RGB") if kind == "equal channels" or place != 70 else Image.fromarray(COLOUR)
        files[f"{place % 3}/{place:02}.png"] = encoded(image, "JPEG" if "JPEG" in kind else "PNG", **options)
    put(tmp_path, files)

    stream = opened(tmp_path, skip_unreadable=skip)

    assert (len(stream.shape) == 3) == (kind in ("colour", "JPEG", "JPEG on its side"))
    for rows in stream.rows(50):
        for name, found in zip(rows.columns["file"], rows.images, strict=True):
            with Image.open(tmp_path / name) as file:
                expected = np.asarray(ImageOps.exif_transpose(file).convert("RGB" if len(stream.shape) == 3 else "L"))
            np.testing.assert_array_equal(expected, found, strict=True)


def animation() -> bytes:
    """Give a GIF of three images."""
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY), Image.fromarray(INK)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


HUGE = PNG_START + chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)) + chunk(
    b"IDAT", zlib.compress(bytes(1000))
)  # fmt: skip

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "text": (b"hello", "no image"),
    "empty": (b"", "empty"),
    "html": (b"<html>404</html>", "no image"),
    "cut": (MODES["8 bits"][0][:60], "cannot be decoded|truncated"),
    "cut jpeg": (encoded(Image.fromarray(COLOUR).resize((64, 64)), "JPEG")[:700], "cannot be decoded"),
    "animation": (animation(), "holds 3 images"),
    "huge": (HUGE, "more than 67,108,864"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_file_is_named_with_its_reason_or_left_out(kind: str, tmp_path: Path) -> None:
    """Whenever it is noticed: by its header, or as it is decoded. Left out, it is recorded."""
    content, why = UNREADABLE[kind]
    root = put(tmp_path / "digits", {"5/a.png": MODES["8 bits"][0], "6/b.png": content, "6/c.png": MODES["8 bits"][0]})

    with pytest.raises(UnreadableInput, match=rf"6/b\.png: .*({why}).*--skip-unreadable"):
        mnist_data.convert(root, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    result = mnist_data.convert(root, tmp_path / "out", skip_unreadable=True, progress=False)

    assert result.dataset is not None
    assert mnist_data.load(result.out)["label"].tolist() == [0, 1]
    assert any("6/b.png" in warning for warning in result.warnings)
    (stage,) = result.dataset.metadata.stages
    assert stage.fitted["left_out"] == ["6/b.png"]


def test_all_unreadable_files_are_listed_at_once(tmp_path: Path) -> None:
    """Those with a wrong header and those that end too early are two messages at most, and no partial output."""
    cut = png(GREY, np.zeros(9, int))[:-30]
    put(tmp_path, {f"5/{place}.png": MODES["8 bits"][0] if place % 2 else cut for place in range(16)})

    with pytest.raises(UnreadableInput, match=r"8 files that cannot be read .*5/0\.png.*5/2\.png.* and 3 more"):
        pixels(tmp_path)


def test_a_huge_header_takes_no_memory(tmp_path: Path) -> None:
    """One hundred bytes that claim ten billion pixels."""
    put(tmp_path, {"5/a.png": HUGE, "5/b.png": MODES["8 bits"][0]})
    tracemalloc.start()

    with pytest.raises(UnreadableInput, match="more than 67,108,864"):
        pixels(tmp_path)

    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_few_images_of_another_size_are_listed(tmp_path: Path) -> None:
    """So that they can be taken out; sets of many sizes are photos, which prepare takes."""
    files = {f"5/{place}.png": MODES["8 bits"][0] for place in range(20)}
    odd = encoded(Image.fromarray(GREY[:8]))
    put(tmp_path, files | {"5/odd.png": odd})

    with pytest.raises(WrongUse, match=r"1 of its 21 images are not of 9×7 as the others: 5/odd\.png \(8×7\).*prepare"):
        folder_streams([str(tmp_path)])
    put(tmp_path, {f"6/{place}.png": encoded(Image.fromarray(GREY[: 3 + place])) for place in range(6)})
    with pytest.raises(WrongUse, match=r"its images have 7 sizes: 9×7 \(20, as .*\), .* and 2 more; .*prepare"):
        folder_streams([str(tmp_path)])


def test_links_are_followed_once_and_what_systems_leave_is_passed_over(tmp_path: Path) -> None:
    """A link to a folder above does no harm; one to nothing is named."""
    root = put(
        tmp_path / "digits",
        {
            "5/a.png": MODES["8 bits"][0],
            "5/.b.png": b"x",
            "__MACOSX/5/._a.png": b"x",
            "5/Thumbs.db": b"x",
            "5/desktop.ini": b"x",
            ".git/5/c.png": b"x",
            "@eaDir/5/a.png": b"x",
            "README.md": b"x",
        },
    )
    put(tmp_path / "elsewhere", {"d.png": MODES["8 bits"][0]})
    (root / "5/loop").symlink_to(root)
    (root / "6").symlink_to(tmp_path / "elsewhere")

    stream = opened(root)

    assert stream.classes == ("5", "6")
    assert [name for rows in stream.rows(9) for name in rows.columns["file"]] == ["5/a.png", "6/d.png"]
    (root / "6/gone.png").symlink_to(tmp_path / "nothing")
    with pytest.raises(UnreadableInput, match=r"6/gone\.png: no such file"):
        opened(root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    """A file, and a folder."""
    put(tmp_path, {"5/a.png": MODES["8 bits"][0], "6/b.png": MODES["8 bits"][0]})
    (tmp_path / "6/b.png").chmod(0)
    with pytest.raises(UnreadableInput, match=r"6/b\.png: permission denied"):
        opened(tmp_path)
    (tmp_path / "6").chmod(0)
    with pytest.raises(UnreadableInput, match="may not be read: 6/"):
        opened(tmp_path)


SET = {
    f"{split}/{label}/{place}.png": MODES["8 bits"][0] for split, label in (("train", 5), ("test", 6)) for place in "ab"
}


def archive_of(path: Path, files: dict[str, bytes]) -> Path:
    """Pack files as the ending of a path says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    mode = {".tar": "w", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[path.suffix]
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("top", ["", "digits/", "./"])
def test_archives_are_read_as_the_folder_they_hold(ending: str, top: str, tmp_path: Path) -> None:
    """Whatever packs them, and whatever folder they lie in."""
    path = archive_of(tmp_path / f"set.{ending}", {f"{top}{name}": content for name, content in SET.items()})

    streams = folder_streams([str(path)])

    assert [(stream.split, stream.classes, len(next(stream.rows(9)).labels)) for stream in streams] == [
        ("train", ("5", "6"), 2),
        ("test", ("5", "6"), 2),
    ]


def test_an_archive_a_split_and_a_folder_within_an_archive(tmp_path: Path) -> None:
    """train.zip and test.zip in a folder are one dataset; a path may go on into an archive."""
    for split in ("train", "test"):
        files = {name.split("/", 1)[1]: content for name, content in SET.items() if name.startswith(split)}
        archive_of(tmp_path / f"{split}.zip", files)
    archive_of(tmp_path / "all.tar.gz", {f"data/{name}": content for name, content in SET.items()})

    result = mnist_data.convert(tmp_path / "all.tar.gz/data/train", tmp_path / "part", progress=False)
    (tmp_path / "all.tar.gz").unlink()
    whole = mnist_data.convert(tmp_path, tmp_path / "../whole", progress=False, overwrite=True)

    assert result.dataset is not None
    assert dict(result.dataset.splits) == {"train": 2}
    assert whole.dataset is not None
    assert dict(whole.dataset.splits) == {"train": 2, "test": 2}
    assert whole.dataset.metadata.classes == ("5", "6")


def test_backslashes_in_a_zip_are_folders(tmp_path: Path) -> None:
    """As some programs of Windows write them."""
    path = archive_of(tmp_path / "set.zip", {name.replace("/", "\\"): content for name, content in SET.items()})

    assert [stream.split for stream in folder_streams([str(path)])] == ["train", "test"]


def encrypted(content: bytes) -> bytes:
    """Set the flags of a zip that say that its files are encrypted."""
    for start, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(start)
        while place >= 0:
            content = content[: place + at] + b"\x01" + content[place + at + 1 :]
            place = content.find(start, place + 4)
    return content


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "zip cut": ("zip", lambda content: content[:-40], "cut off or altered"),
    "zip encrypted": ("zip", encrypted, "it is encrypted"),
    "zip split": (
        "zip",
        lambda content: content[99:-18] + b"\x01" + content[-17:],
        "last part of a split zip.*zip -s 0",
    ),
    "tar cut in a header": ("tar", lambda content: content[:1200], "cut off or altered"),
    "tar cut between files": ("tar", lambda content: content[:2048], "cut off or altered"),
    "tar header altered": ("tar", lambda content: content[:1030] + b"?" + content[1031:], "cut off or altered"),
    "tar.gz cut": ("tar.gz", lambda content: content[:-30], "cut off or altered"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_archive_is_no_smaller_one(kind: str, tmp_path: Path) -> None:
    """Tarfile takes a damaged header for the end: half of the images would be lost without a word."""
    ending, change, why = DAMAGE[kind]
    path = archive_of(tmp_path / f"set.{ending}", SET)
    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(MnistDataError, match=why):
        mnist_data.convert(path, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("outer", ["all.zip", "all.tar.gz"])
@pytest.mark.parametrize("inner", [".zip", ".tar", ".tar.gz"])
def test_archives_in_an_archive_are_folders_of_it(inner: str, outer: str, tmp_path: Path) -> None:
    """Each is a folder of its name, and so can say a split; one within these is named, and unpacked by hand."""
    names = {split: {name.partition("/")[2]: content for name, content in SET.items()} for split in ("train", "test")}
    packed = {f"{split}{inner}": archive_of(tmp_path / f"{split}{inner}", names[split]) for split in names}
    path = archive_of(tmp_path / outer, {name: file.read_bytes() for name, file in packed.items()})

    result = mnist_data.convert(path, tmp_path / "out", progress=False)
    part = mnist_data.convert(f"{path}/train{inner}", tmp_path / "part", progress=False)

    assert result.dataset is not None
    assert part.dataset is not None
    assert result.dataset.splits == {"train": len(SET), "test": len(SET)}
    assert part.dataset.splits == {"train": len(SET)}
    deeper = archive_of(tmp_path / "deeper.zip", {outer: path.read_bytes()})
    with pytest.raises(NoDataset, match=r"archives within it \(all\..*/train\..*Unpack it"):
        mnist_data.convert(deeper, tmp_path / "other", progress=False)


def test_a_broken_archive_in_an_archive_is_named(tmp_path: Path) -> None:
    """As any broken one is; the rest is not read as if it were all."""
    whole = archive_of(tmp_path / "train.zip", SET).read_bytes()
    path = archive_of(tmp_path / "all.zip", SET | {"more.zip": whole[: len(whole) // 2]})

    with pytest.raises(UnreadableInput, match=r"all\.zip/more\.zip: the archive is cut off or altered"):
        mnist_data.convert(path, tmp_path / "out", progress=False)


def test_a_table_next_to_images_is_named_or_a_choice(tmp_path: Path) -> None:
    """A list is not read where class folders say the labels; a table of pixels is another form, as --form chooses."""
    root = put(tmp_path / "in", SET | {"labels.csv": b"file,label\na.png,5\nb.png,6\n", "ids.csv": b"1,5\n2,6\n"})

    result = mnist_data.convert(root, tmp_path / "out", progress=False)

    assert any("ids.csv next to the images is not read" in warning for warning in result.warnings)
    assert any("labels.csv next to the class folders is not read" in warning for warning in result.warnings)
    put(root, {"train.csv": b"\n".join([b"1," + b",".join([b"0"] * 784)] * 3)})
    with pytest.raises(WrongUse, match=r"--form image-files; mnist-data convert .* OUT --form csv\."):
        mnist_data.convert(root, tmp_path / "other", progress=False)


def test_what_this_package_wrote_is_named(digits: mnist_data.Dataset, tmp_path: Path) -> None:
    """A dataset, and a folder with datasets in it, as a workspace is."""
    shutil.copytree(digits.location, tmp_path / "workspace/digits")
    for name, words in (("workspace/digits", "is a dataset of mnist-data"), ("workspace", r"holds .*\(digits\)")):
        with pytest.raises(WrongUse, match=f"{words}.*mnist-data stats"):
            mnist_data.convert(tmp_path / name, tmp_path / "out", progress=False)


@pytest.mark.parametrize("address", ["https://example.com/mnist.zip", "s3://bucket/train-images-idx3-ubyte.gz"])
def test_an_address_is_no_unknown_dataset(address: str, tmp_path: Path) -> None:
    """It is downloaded first; IDX files are read where they are."""
    with pytest.raises(NoDataset, match=r"address of one file.*Download it.*--images URL --labels URL"):
        mnist_data.convert(address, tmp_path / "out", progress=False)


def test_mutated_sets_are_read_right_or_refused(tmp_path: Path) -> None:
    """Seeded: 150 sets with a few bytes altered, cut or doubled; no other exception, and no wrong pixel."""
    rng = np.random.default_rng(3)
    plain = {ending: archive_of(tmp_path / f"set.{ending}", SET).read_bytes() for ending in ("zip", "tar", "tar.gz")}
    outcomes = {"read": 0, "refused": 0}
    for number in range(150):
        ending = ("zip", "tar", "tar.gz")[number % 3]
        content = bytearray(plain[ending])
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        if number % 5 == 0:
            content = content[: rng.integers(1, len(content))]
        path = tmp_path / f"mutated.{ending}"
        path.write_bytes(content)
        try:
            found = [rows.images for stream in folder_streams([str(path)]) for rows in stream.rows(3)]
            outcomes["read"] += 1
            assert (np.concatenate(found) == GREY).all()
            assert len(members(path)) == len(SET)
        except MnistDataError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 10, outcomes


def test_mutated_images_are_decoded_or_refused(tmp_path: Path) -> None:
    """Seeded: every mode with altered bytes; Pillow's many exceptions never reach the user."""
    rng = np.random.default_rng(4)
    for mode, (content, _) in MODES.items():
        for number in range(12):
            altered = bytearray(content)
            for place in rng.integers(0, len(altered), 1 + number % 4):
                altered[place] = rng.integers(0, 256)
            end = rng.integers(8, 1 + len(altered)) if number % 3 == 0 else len(altered)
            put(tmp_path, {"5/a.png": bytes(altered[:end])})
            with suppress(MnistDataError):
                assert opened(tmp_path).shape == pixels(tmp_path).shape[1:], mode
