"""Which form a file or folder has, decided by its content, and its splits as streams."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_data import storage
from mnist_data.errors import MnistDataError, NoDataset, UnreadableInput, WrongUse, unknown_name
from mnist_data.idx.archives import is_archive
from mnist_data.idx.compression import decoded_files, open_decoded
from mnist_data.idx.names import looks_like_idx, require_split_name, split_order
from mnist_data.idx.search import holds_idx
from mnist_data.idx.tree import IMAGE_ENDINGS, files_in_folder, is_place, within_archive
from mnist_data.images_in import pickles, refused
from mnist_data.images_in.arrays import hdf5, matlab, npy, npz
from mnist_data.images_in.class_list import CLASS_LIST, read_class_list, with_class_list
from mnist_data.images_in.image_files import folders
from mnist_data.images_in.image_files.metadata_tables import is_parquet_of_names
from mnist_data.images_in.local_files import local_file
from mnist_data.images_in.stream import Form, ImageStream, Options, Source
from mnist_data.images_in.tables import arrow_files, parquet_files
from mnist_data.images_in.text import arff, csv, libsvm

HEAD_BYTES = 1 << 16
"""Decoded bytes of a file that decide its form."""

DEEPER = 2
"""Folders down that files are looked for where none lies in the folder itself: data/train.parquet, train/x.npy."""

FORMS: tuple[Form, ...] = (
    folders.FORM,
    npz.FORM,
    npy.FORM,
    hdf5.FORM,
    matlab.FORM,
    parquet_files.FORM,
    arrow_files.FORM,
    pickles.FORM,
    arff.FORM,
    libsvm.FORM,
    csv.FORM,
)
"""All forms besides IDX, the surest to recognise first."""

WITH_COLUMNS = (folders.FORM, parquet_files.FORM, arrow_files.FORM, arff.FORM, csv.FORM)
"""The forms that are tables with named columns, or have one next to them."""

IDX = "idx"
"""The key of the form that is read in pairs of files."""

READABLE = (
    "IDX, CSV, ARFF, LIBSVM, Parquet, Arrow, .npz, .npy, HDF5, MATLAB, or image files in class folders or an archive"
)
"""The forms as messages name them."""

FEWEST_PIXELS = 8
"""A table with fewer columns is no table of images."""

_PACKED = r"\.(zip|tar|tgz|tar\.\w+|7z|rar)$"

Sources = Mapping[str, Sequence[Source]]
"""The sources of each form, by its key."""


@dataclass(frozen=True)
class OpenSource:
    """A source whose form is known. form: its name. streams: its splits: train, test, then others by name."""

    form: str
    streams: tuple[ImageStream, ...]


def open_source(path: str, options: Options | None = None) -> OpenSource:
    """Open what is no IDX.

    Raises NoDataset, UnreadableInput or WrongUse, which say what the source is and what to do: where its form is not
    read, where it holds several sets of images, or where nothing says which split an image belongs to.
    """
    options = options or Options()
    if options.split is not None:
        require_split_name(options.split)
    form, sources = _chosen(path, _sources(Path(path)), options)
    if options.label_column is not None and form not in WITH_COLUMNS:
        raise WrongUse(f"{path}: --label-column names a column of a table, and {form.name} has none.")
    streams = form.streams(sources, options)
    if form is folders.FORM and options.form is None:
        said = "".join(note for stream in streams for note in stream.notes)
        streams[0].notes += _about_tables(path, said)
    splits = [stream.split for stream in streams]
    if options.split is not None and len(streams) == 1:
        streams[0].split = options.split
    elif options.split is not None:
        raise WrongUse(f"{path} holds the splits {', '.join(splits)}; leave --split out.")
    if len(set(splits)) < len(splits):
        listed = ", ".join(f"{Path(stream.path).name} ({stream.split})" for stream in streams)
        raise WrongUse(f"{path}: nothing says which splits {listed} are; convert them one by one with --split.")
    streams = with_class_list(streams, read_class_list(Path(path)))
    return OpenSource(form.name, tuple(sorted(streams, key=lambda stream: split_order(stream.split))))


def open_unless_idx(path: str, options: Options | None = None) -> OpenSource | None:
    """Open a file, folder or archive of another form than IDX; None for IDX, and where there is nothing of that name.

    Raises what `open_source` raises, and what `require_one_form` does for IDX files next to other forms.
    """
    options, place = options or Options(), Path(path)
    if place.exists() and not place.is_dir():
        storage.require_file(place, "a file or folder of labelled images", "Check the path.")
    if options.form == IDX or not (place.exists() or is_place(place)) or looks_like_idx(place.name):
        return None
    if options.form is None and holds_idx(place):
        require_one_form(path)
        return None
    return open_source(path, options)


def require_one_form(path: str) -> None:
    """Raise WrongUse for a folder or archive that holds IDX files and other labelled images, with a command for each.

    A stray image, or a table next to the IDX files as EMNIST's mappings, is no other form.
    """
    place = Path(path)
    if not is_place(place):
        return
    claimed = {form.key: form for form in FORMS if any(map(form.claims, _names(place)))}
    others = {key: form for key, form in claimed.items() if form is not folders.FORM}
    if others:
        raise _several(path, [IDX, *others])


def _chosen(path: str, sources: Sources, options: Options) -> tuple[Form, Sequence[Source]]:
    keys = [form.key for form in FORMS if form.key in sources]
    if options.form is not None and options.form not in keys:
        raise unknown_name("form", options.form, [IDX, *(form.key for form in FORMS)], "--form")
    if len(keys) > 1 and options.form is None:
        raise _several(path, keys)
    key = options.form or keys[0]
    return next(form for form in FORMS if form.key == key), sources[key]


def _several(path: str, keys: Sequence[str]) -> WrongUse:
    commands = "; ".join(f"mnist-data convert {shlex.quote(path)} OUT --form {key}" for key in keys)
    return WrongUse(f"{path} holds labelled images in the forms {', '.join(keys)}. Convert one of them: {commands}.")


def _sources(path: Path) -> Sources:
    """Find the forms of a source. Raises for a file that has none, and for a folder or archive without any."""
    if not path.is_dir() and not within_archive(path)[1]:
        return _of_file(path)
    if path.is_file() and (known := _form_of(source := Source(str(path), _head(path)))):
        return {known.key: [source]}
    _require_no_dataset(path)
    try:
        found = _in_place(path)
    except UnreadableInput:
        _require_no_datasets(path)  # whose tables are no images, which says less
        raise
    if not found:
        _require_no_datasets(path)
        raise _nothing_in(path)
    return found


def _in_place(path: Path) -> dict[str, list[Source]]:
    """Find the forms in a folder or archive."""
    has_images = folders.FORM.recognises(Source(str(path)))
    found = _by_form(_files_of(path, strict=not has_images))
    if has_images:
        found = {key: [source for source in sources if not _is_list(source)] for key, sources in found.items()}
        found = {key: sources for key, sources in found.items() if sources}
        found[folders.FORM.key] = [Source(str(path))]
    if not found:
        found = _by_form(_files_of(path, DEEPER))
    return found


def _by_form(sources: Iterator[Source]) -> dict[str, list[Source]]:
    found: dict[str, list[Source]] = {}
    for source in sources:
        if form := _form_of(source):
            found.setdefault(form.key, []).append(source)
    return found


def _about_tables(path: str, said: str) -> tuple[str, ...]:
    """Say it where a table lies next to image files that is not read. said: what the notes say already."""
    tables = [name for name in _names(Path(path)) if _is_claimed(name) and f"/{name}" not in said]
    return (f"{path}: {', '.join(tables[:3])} next to the images is not read.",) if tables else ()


def _is_list(source: Source) -> bool:
    """Say whether a table next to image files is no table of pixels: it names the images, with a label for each."""
    if parquet_files.FORM.recognises(source):
        return is_parquet_of_names(local_file(source.path))
    if b"\0" in source.head:
        return False
    lines = source.head[: 1 << 12].decode("utf-8-sig", "replace").splitlines()
    return bool(lines) and max(line.count(mark) for line in lines[:2] for mark in ",;\t ") < FEWEST_PIXELS


def _require_no_dataset(path: Path) -> None:
    """Raise WrongUse for a dataset that this package has written."""
    if any(path.glob("split=*/*.parquet")):
        raise WrongUse(
            f"{path} is a dataset of mnist-data already, with nothing to convert; look at it by mnist-data stats "
            f"{shlex.quote(str(path))}, or write it in another form by mnist-data export."
        )


def _require_no_datasets(path: Path) -> None:
    """Raise WrongUse for a folder with datasets of this package in it, as a workspace is."""
    datasets = sorted({file.parent.parent for file in path.glob("*/split=*/*.parquet")})
    if datasets:
        names = ", ".join(dataset.name for dataset in datasets)
        raise WrongUse(
            f"{path} holds datasets of mnist-data ({names}), with nothing to convert; look at one by mnist-data stats "
            f"{shlex.quote(str(datasets[0]))}."
        )


def _of_file(path: Path) -> Sources:
    source = Source(str(path), _head(path))
    form = _form_of(source)
    if form is None:
        raise refused.error_of(source, READABLE)
    return {form.key: [source]}


def _nothing_in(path: Path) -> MnistDataError:
    packed = [member.name for member in within_archive(path)[1] if re.search(_PACKED, member.name, re.IGNORECASE)]
    if packed:
        return NoDataset(
            str(path),
            f"an archive with archives within it ({', '.join(packed[:5])})",
            "an archive of images, or a folder of archives",
            "Unpack it, and give the folder.",
        )
    return NoDataset(
        str(path),
        "nothing in it is a form of labelled images",
        "IDX files, CSV files, or image files in class folders",
        "Name a file, or see the forms that convert reads in the documentation.",
    )


def _names(place: Path) -> list[str]:
    """Name the files right in a folder, or all in an archive."""
    return [member.name for member in within_archive(place)[1]] or list(files_in_folder(place, 0))


def _files_of(folder: Path, depth: int = 0, strict: bool = True) -> Iterator[Source]:
    """Give the files of a folder or archive that can have a form; further down only those whose names claim one.

    strict: raise for one whose name claims a form that its content has not.
    """
    archive, inside = within_archive(folder)
    if inside:
        others = [member for member in inside if not member.name.lower().endswith((*IMAGE_ENDINGS, CLASS_LIST))]
        heads = ((path, stream.read(HEAD_BYTES)) for path, stream in decoded_files(archive, others))
        yield from (_checked(Source(str(path), head), strict) for path, head in heads)
        return
    for name in files_in_folder(folder, depth):
        path = folder / name
        if depth and (not _is_claimed(name) or "/split=" in f"/{name}"):  # the latter are parts of datasets of ours
            continue
        if name == CLASS_LIST or name.lower().endswith(IMAGE_ENDINGS) or not path.is_file():
            continue
        try:
            head = _head(path)
        except UnreadableInput:
            if strict and _is_claimed(name):
                raise
            continue
        yield _checked(Source(str(path), head), strict)


def _checked(source: Source, strict: bool) -> Source:
    if strict and _is_claimed(source.path) and _form_of(source) is None:
        raise refused.error_of(source, READABLE)
    return source


def _is_claimed(name: str) -> bool:
    return any(form.claims(name) for form in FORMS)


def _form_of(source: Source) -> Form | None:
    return next((form for form in FORMS if form.recognises(source)), None)


def _head(path: Path) -> bytes:
    """Read the first decoded bytes; of an archive of several files those of the archive itself."""
    try:
        with open_decoded(path) as stream:
            return stream.read(HEAD_BYTES)
    except MnistDataError:
        if is_archive(path) and within_archive(path)[1]:
            return b"PK\x03\x04"
        raise
