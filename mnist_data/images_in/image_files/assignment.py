"""Split and class of image files: by a table next to them that names them, else by their folders or their own names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mnist_data.errors import WrongUse
from mnist_data.images_in.class_names import number_texts
from mnist_data.images_in.image_files.classes import (
    Assignment,
    about_unlabelled,
    assign,
    by_split,
    folder_splits,
    unlabelled_apart,
)
from mnist_data.images_in.image_files.image_labels import (
    ImageNames,
    TableLabels,
    about_left_out,
    contradiction,
    join,
    missing_of,
    require_complete,
    require_named,
)
from mnist_data.images_in.image_files.name_tables import tables_in
from mnist_data.images_in.stream import UNLABELLED, Options


@dataclass(frozen=True)
class AssignedImages:
    """What is known of image files, by their place. left_out: those that no table has, as the user asked for it.

    tables: the files that the labels are from.
    """

    assignment: Assignment
    left_out: frozenset[int] = frozenset()
    tables: tuple[str, ...] = ()


def assign_images(roots: Sequence[str], root: str, names: Sequence[str], options: Options) -> AssignedImages:
    """Decide split and class of image files below folders or in archives.

    A table that names the images decides; where class folders say the same, these do. root: what messages name. names:
    below it. Raises MismatchedPair where table and images do not fit together, WrongUse where nothing decides.
    """
    images = ImageNames(names, folder_splits(names))
    tables = [table for place in roots for table in tables_in(place)]
    joined = join(root, tables, images, options.label_column)
    if joined is None:
        if options.label_column is not None:
            raise WrongUse(
                f"{root}: no table next to the images names them, so that --label-column means nothing here."
            )
        assigned = assign(names, root, options.split)
        if set(assigned.labels) == {UNLABELLED}:
            require_named(root, tables, images)
        return AssignedImages(assigned)
    by_folder = _by_folder(root, names, options, joined)
    if by_folder is not None:
        return AssignedImages(by_folder)
    return _by_table(root, names, options, joined, images)


def _by_folder(root: str, names: Sequence[str], options: Options, joined: TableLabels) -> Assignment | None:
    """Give what class folders say, unless a table decides. Raises WrongUse where both do, and differ."""
    if options.label_column is not None:
        return None
    try:
        assigned = assign(names, root, options.split)
    except WrongUse:  # nothing decides which folders are the classes
        return None
    classes = {place: assigned.classes[label] for place, label in enumerate(assigned.labels) if label != UNLABELLED}
    labelled = any(label is not None for label in joined.labels.values())
    if not assigned.by_folder or (len(assigned.classes) < 2 and labelled):
        return None
    other = contradiction(joined, names, classes)
    if other and joined.named:
        raise WrongUse(
            f"{root}: {' and '.join(joined.tables)} and the folders say different classes: {other}. Name the column of "
            "the labels by convert's --label-column to take the table, or take it out to take the folders."
        )
    unread = f"{root}: {', '.join(joined.tables)} next to the class folders is not read."
    return replace(assigned, notes=(*assigned.notes, unread))


def _by_table(
    root: str, names: Sequence[str], options: Options, joined: TableLabels, images: ImageNames
) -> AssignedImages:
    missing = missing_of(joined, images)
    unnamed = [names[place] for place in missing]
    require_complete(root, joined, unnamed, options.skip_unreadable)
    assigned = _numbered(names, root, options.split, joined.labels, joined.splits)
    notes = (*joined.notes, *assigned.notes, *about_left_out(root, joined, unnamed))
    return AssignedImages(replace(assigned, notes=notes), frozenset(missing), tuple(joined.tables))


def _numbered(
    names: Sequence[str],
    root: str,
    split: str | None,
    texts: Mapping[int, str | None],
    splits: Mapping[int, str],
) -> Assignment:
    """Give numbers to labels that are texts, by the places of the files: numbers are the labels themselves.

    Others are classes in natural order; a file without a text has the label -1 and is of the split unlabelled.
    """
    _, by_folder, _ = by_split(names, root)
    numbers, classes = number_texts({text for text in texts.values() if text is not None})
    given = (texts.get(place) for place in range(len(names)))
    labels = tuple(UNLABELLED if text is None else numbers[text] for text in given)
    said = [splits.get(place, by_folder[place]) for place in range(len(names))]
    decided = [split] * len(names) if split is not None else unlabelled_apart(said, labels)
    return Assignment(tuple(decided), labels, classes, tuple(about_unlabelled(root, decided, labels)))
