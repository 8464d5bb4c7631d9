"""A dataset as class folders of PNG files: split/class/ID.png, as torchvision's ImageFolder and Keras read them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from mnist_data import storage
from mnist_data.batch import Images, Integers, shape_text
from mnist_data.errors import WrongUse
from mnist_data.idx.names import split_name
from mnist_data.images_in.class_list import CLASS_LIST, folder_names, write_class_list
from mnist_data.images_in.stream import UNLABELLED
from mnist_data.images_out.samples import labels_of, require_images
from mnist_data.parquet.dataset import Dataset, read_batches, read_columns

MOST_CLASSES = 65_536
"""Labels beyond have folders named by their numbers, and no list of classes."""


def write_folders(source: Dataset, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write each image as PNG, into a folder of its class in that of its split; give the splits' folders and the list.

    Samples without a label lie in the split's folder itself. The list of classes says which label each has, and holds
    the names as they were, see `folder_names`. Files are named by the samples' ids, whose order is that of the dataset.
    Raises OutputExists; WrongUse for images that PNG cannot hold without loss, and for names that no folders can have.
    """
    require_lossless(source)
    places = {split: folder / split_name(split) for split in source.splits}
    labels = np.unique(np.concatenate([np.unique(labels_of(source, split)) for split in source.splits]))
    folders, classes = _folders(source.metadata.classes, labels)
    listed = [folder / CLASS_LIST] if classes else []
    for place in (*places.values(), *listed):
        storage.require_free(place, overwrite)
        _require_replaceable(place)
    with ExitStack() as stack:
        # All folders appear at the end: the drafts are moved when the stack unwinds without an error.
        drafts = {split: stack.enter_context(storage.new_folder(place)) for split, place in places.items()}
        if classes:
            write_class_list(stack.enter_context(storage.new_file(listed[0])), classes)
        for split, draft in drafts.items():
            _write_split(source, split, draft, folders)
    return [*places.values(), *listed]


def require_lossless(source: Dataset) -> None:
    """Raise WrongUse for images that PNG cannot hold without loss."""
    require_images(source, "PNG")
    dtype, shape = source.metadata.dtype, source.metadata.shape
    grey, colour = shape[2:] in ((), (1,)), shape[2:] == (3,)
    if not (grey and dtype in ("uint8", "uint16")) and not (colour and dtype == "uint8"):
        raise WrongUse(
            f"{source.location} holds {dtype} images of {shape_text(shape)}; PNG files hold uint8 and uint16 "
            "in grey, and uint8 in three channels. NumPy's arrays hold all types: --form npz."
        )


def _require_replaceable(place: Path) -> None:
    """Raise WrongUse where --overwrite would remove other files than those that are written here."""
    if place.is_dir():
        stranger = next((path for path in place.rglob("*") if path.is_file() and path.suffix != ".png"), None)
        if stranger is not None:
            raise WrongUse(f"{place} holds {stranger.relative_to(place)}, which is no PNG file; it is not replaced.")


def _folders(names: Sequence[str], labels: Integers) -> tuple[dict[int, str], tuple[str, ...]]:
    """Give the folder of each label, and the list of classes: the names, and the numbers of labels that have none."""
    classes = [*names, *map(str, range(len(names), min(MOST_CLASSES, int(labels.max(initial=-1)) + 1)))]
    others = [int(label) for label in labels if label != UNLABELLED and not 0 <= label < len(classes)]
    folders = folder_names([*classes, *map(str, others)])
    by_label = dict(zip([*range(len(classes)), *others], folders, strict=True))
    return {UNLABELLED: ""} | by_label, () if others else tuple(classes)


def _write_split(source: Dataset, split: str, draft: Path, folders: dict[int, str]) -> None:
    ids = read_columns(source, split, ["id"])["id"]
    digits = len(str(ids.max(initial=0)))
    for label in np.unique(labels_of(source, split)).tolist():
        (draft / folders[label]).mkdir(exist_ok=True)
    for batch in read_batches(source, split):
        for number, label, image in zip(batch.ids.tolist(), batch.labels.tolist(), batch.images, strict=True):
            path = draft / folders[label] / f"{number:0{digits}d}.png"
            try:
                with path.open("xb") as file:
                    file.write(png(image))
            except FileExistsError as cause:
                raise WrongUse(f"{source.location} has two samples with the id {number} in {split}.") from cause


def png(image: Images) -> bytes:
    """Encode an image, (height, width), (height, width, 1) or (height, width, 3)."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image).save(file, "PNG")
    return file.getvalue()
