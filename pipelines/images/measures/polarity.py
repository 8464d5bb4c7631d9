"""Whether the background of some images is dark or bright, where no table of measures is at hand."""

from __future__ import annotations

from mnist_data.batch import Images
from pipelines.images.measures.background import Polarity, border_positions, polarity_of
from pipelines.images.measures.pixels import measure_ranges


def estimate_polarity(images: Images) -> Polarity:
    """Say whether the background is dark or bright, or undecided, by some images, (n, height, width) or in colour."""
    if not len(images):
        return "undecided"
    columns = measure_ranges(images)
    names = ("not_finite", "lowest", "highest", "contrast", "border_mean")
    return polarity_of(border_positions(*(columns[name] for name in names)))[0]
